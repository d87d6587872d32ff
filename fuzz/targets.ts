/** Everything that reads bytes which somebody else has made. docs/fuzzing.md. */
import type { Target } from './target.ts';
import { heartbeat } from './targets/heartbeat.ts';
import { lan } from './targets/lan.ts';
import { link } from './targets/link.ts';
import { log } from './targets/log.ts';
import { packet } from './targets/packet.ts';
import { tun } from './targets/tun.ts';
import { witness } from './targets/witness.ts';

export const TARGETS: readonly Target[] = [packet, lan, tun, log, link, heartbeat, witness];
