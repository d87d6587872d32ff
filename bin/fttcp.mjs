#!/usr/bin/env node
// The `fttcp` command: makes sure that packages and compiled output are there, then hands over to src/cli.
import { setup } from '../scripts/setup.mjs';

if (!process.env.FTTCP_SKIP_SETUP) setup();
const { main } = await import('../dist/src/cli/main.js');
await main(process.argv);
