// `npm run build`: the set-up step alone.
import { setup } from './setup.mjs';

setup();
