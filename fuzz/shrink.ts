/** Makes what fails smaller while it fails in the same way: fewer inputs first, then a shorter and plainer last one. */

/** Gives the inputs to a fresh subject. @returns the problem, or undefined where there is none. */
export type Attempt = (inputs: readonly Uint8Array[]) => Promise<string | undefined>;

/** Attempts are quick, but an episode has up to thousands of inputs. */
const ATTEMPTS_MAX = 400;

export async function shrunk(
  inputs: readonly Uint8Array[],
  problem: string,
  attempt: Attempt,
): Promise<readonly Uint8Array[]> {
  let attempts = 0;
  let best = inputs;
  const tryThis = async (fewer: readonly Uint8Array[]): Promise<boolean> => {
    if (attempts >= ATTEMPTS_MAX) return false;
    attempts++;
    const found = await attempt(fewer);
    if (found === undefined || kindOf(found) !== kindOf(problem)) return false;
    best = fewer;
    return true;
  };
  for (let size = best.length - 1; size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from + size < best.length; ) {
      if (!(await tryThis([...best.slice(0, from), ...best.slice(from + size)]))) from += size;
    }
  }
  const last = () => best.at(-1) ?? new Uint8Array(0);
  const withLast = (bytes: Uint8Array) => [...best.slice(0, -1), bytes];
  for (let cut = last().length; cut >= 1; cut = Math.floor(cut / 2)) {
    while (last().length >= cut && (await tryThis(withLast(last().slice(0, -cut)))));
  }
  for (let i = 0; i < last().length; i++) {
    if (last()[i] === 0) continue;
    const plainer = last().slice();
    plainer[i] = 0;
    await tryThis(withLast(plainer));
  }
  return best;
}

/** Numbers in it are another matter. */
function kindOf(problem: string): string {
  return problem.split('\n', 1).join().replace(/\d+/g, '');
}
