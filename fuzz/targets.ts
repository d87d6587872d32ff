/** Everything that reads bytes which somebody else has made. docs/fuzzing.md. */
import type { Target } from './target.ts';
import { capture } from './targets/capture.ts';
import { control } from './targets/control.ts';
import { heartbeat } from './targets/heartbeat.ts';
import { lan } from './targets/lan.ts';
import { link } from './targets/link.ts';
import { log } from './targets/log.ts';
import { netlink } from './targets/netlink.ts';
import { north } from './targets/north.ts';
import { packet } from './targets/packet.ts';
import { sealed } from './targets/sealed.ts';
import { tun } from './targets/tun.ts';
import { witness } from './targets/witness.ts';

export const TARGETS: readonly Target[] = [
  packet,
  lan,
  tun,
  link,
  sealed,
  log,
  north,
  heartbeat,
  witness,
  control,
  netlink,
  capture,
];
