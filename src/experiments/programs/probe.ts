/** What the program that measures round trips says, and what it and the program that answers have in common. Pure. */

/** As the detector's. */
export const PROBE_PRIORITY = 20;

/** One number a probe that was answered, in the order of arrival. */
export interface ProbeTrace {
  readonly sent: number;
  readonly realtime: boolean;
  readonly roundTripsMs: readonly number[];
  /** Since the first was sent. */
  readonly arrivalsMs: readonly number[];
}
