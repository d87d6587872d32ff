/**
 * Promotions without a cause: before any fault, or of a host while the primary had suffered nothing that it should be replaced
 * for. Whether clients noticed is another question. Pure.
 */
import type { DaemonEvent } from './result.ts';

/** A fault as it was done, by the wall clock. */
export interface DoneFault {
  wallMs: number;
  action: string;
  host: string;
}

/** A takeover that is under way when its cause ends may still be completed. */
const GRACE_MS = 1000;
/** Daemons log whole milliseconds. */
const LOG_RESOLUTION_MS = 1;

/** @param events of all daemons */
export function falsePromotions(events: readonly DaemonEvent[], faults: readonly DoneFault[]): DaemonEvent[] {
  const offices = events.filter(({ event }) => event === 'primary' || event === 'promoted');
  return offices.filter((promotion) => {
    // Whoever ends in good order hands over: that is no takeover.
    if (promotion.event !== 'promoted' || promotion.reason === 'handover') return false;
    const predecessor = offices
      .filter(({ host, epoch }) => host !== promotion.host && epoch < promotion.epoch)
      .sort((one, other) => one.epoch - other.epoch)
      .at(-1);
    return !hasCause(promotion, predecessor?.host, faults);
  });
}

/** Nothing had been done to anybody when this happened. */
export function isBeforeFaults({ atMs }: DaemonEvent, faults: readonly DoneFault[]): boolean {
  return !faults.some(({ wallMs }) => wallMs <= atMs + LOG_RESOLUTION_MS);
}

function hasCause(promotion: DaemonEvent, primary: string | undefined, faults: readonly DoneFault[]): boolean {
  const ails = (host: string | undefined, kinds: RegExp) =>
    faults.some(
      (fault) =>
        fault.host === host &&
        kinds.test(fault.action) &&
        fault.wallMs <= promotion.atMs + LOG_RESOLUTION_MS &&
        promotion.atMs <= endOf(fault, faults) + GRACE_MS,
    );
  if (ails(primary, /^(power-off|kill-daemon|kill-server|pause|stall|cut-lan)/)) return true;
  // They cannot hear each other.
  return ails(promotion.host, /^cut-lan/) && (ails(primary, /^cut-link/) || ails(promotion.host, /^cut-link/));
}

const ENDS: Readonly<Record<string, string>> = { pause: 'resume', stall: 'resume', cut: 'heal' };

function endOf(fault: DoneFault, faults: readonly DoneFault[]): number {
  const ending = ENDS[fault.action.split('-')[0] ?? ''];
  const ends = faults.filter(
    ({ action, host, wallMs }) => action === ending && host === fault.host && wallMs >= fault.wallMs,
  );
  return Math.min(Number.POSITIVE_INFINITY, ...ends.map(({ wallMs }) => wallMs));
}
