/** What a run must have come to, and in words what it did not. Pure. */
import type { LabResult } from './result.ts';

export interface Demands {
  readonly failovers: { readonly least: number; readonly most: number };
  /** As `--at` takes them: all of them are done. */
  readonly faults: readonly string[];
  /** So many of them, at least. */
  readonly connections: number;
}

/** The client's own words are kept whole in the evidence. */
const SAID_CHARACTERS = 300;

/** Sentences; none: the run went as it must. */
export function problemsOf(demands: Demands, result: LabResult): string[] {
  const { client, connections, failovers, faults, voices, falsePromotions, divergences } = result;
  const { least, most } = demands.failovers;
  const problems: string[] = [];
  if (client.exitCode !== 0) {
    const said = client.stderr.trim() || client.stdout.trim();
    problems.push(`the clients' program exited ${client.exitCode}: ${said.slice(-SAID_CHARACTERS)}`);
  }
  const lost = connections.filter(({ survived }) => !survived).length;
  if (lost > 0) problems.push(`${lost} of ${connections.length} connections did not survive`);
  if (connections.length < demands.connections) {
    problems.push(`${connections.length} connections were seen of at least ${demands.connections}`);
  }
  if (faults.length !== demands.faults.length) {
    problems.push(`${faults.length} faults were done of ${demands.faults.length}: ${demands.faults.join(' ')}`);
  }
  if (failovers.length < least || failovers.length > most) {
    problems.push(`${failovers.length} failovers instead of ${least === most ? least : `${least} to ${most}`}`);
  }
  if (divergences > 0) problems.push(`the two servers answered differently on ${divergences} connections`);
  if (falsePromotions > 0) problems.push(`${falsePromotions} promotions without a cause`);
  if (voices.violations > 0) problems.push(`two voices: ${voices.violations} frames of a host that was replaced`);
  if (!result.ok && problems.length === 0) problems.push('the lab found fault with the run');
  return problems;
}
