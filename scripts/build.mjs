// `npm run build`: the set-up step alone.
import { script, setup } from './setup.mjs';

await script(setup);
