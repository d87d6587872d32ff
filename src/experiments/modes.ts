/** The ways to get a client's flow going again after a takeover: those of the paper, and what goes beyond it. */
import type { LabOptions } from '../lab/run.ts';

export const MODES = ['never', 'reactive', 'permanent', 'nudge', 'takeover-first'] as const;
export type Mode = (typeof MODES)[number];

interface ModeSettings {
  /** For titles. */
  readonly label: string;
  readonly lab: Required<Pick<LabOptions, 'snoop' | 'takeover' | 'nudge'>>;
}

const AFTER_RECOVERY = { takeover: 'after-recovery', nudge: 'off' } as const;

export const MODE_SETTINGS: Readonly<Record<Mode, ModeSettings>> = {
  never: { label: 'no snooping', lab: { ...AFTER_RECOVERY, snoop: 'never' } },
  reactive: { label: 'reactive snooping', lab: { ...AFTER_RECOVERY, snoop: 'reactive' } },
  permanent: { label: 'permanent snooping', lab: { ...AFTER_RECOVERY, snoop: 'permanent' } },
  nudge: { label: 'no snooping, nudge', lab: { takeover: 'after-recovery', nudge: 'auto', snoop: 'never' } },
  'takeover-first': { label: 'takeover first, nudge', lab: { takeover: 'first', nudge: 'auto', snoop: 'never' } },
};

export function modeInWords(mode: Mode): string {
  const { snoop, takeover, nudge } = MODE_SETTINGS[mode].lab;
  return `snoop ${snoop}, takeover ${takeover}, nudge ${nudge}`;
}
