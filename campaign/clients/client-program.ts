// What the clients of real servers share: where the server is, and how a program ends that checks everything.

export const SERVER = { host: process.env.FTTCP_ADDRESS ?? '127.0.0.1', port: Number(process.env.FTTCP_PORT) };

/** Ends the program: with 0 and a line of what was done, or with 1 and what was not as it must be. */
export async function conclude(work: () => Promise<string>): Promise<never> {
  try {
    process.stdout.write(`${await work()}\n`);
    process.exit(0);
  } catch (error) {
    process.stdout.write(`FAILED: ${error instanceof Error ? error.message : error}\n`);
    process.exit(1);
  }
}

/** @throws with what was found in place of what must be. */
export function wanted(what: string, found: unknown, expected: unknown): void {
  if (found === expected) return;
  throw new Error(`${what}: ${short(found)} instead of ${short(expected)}`);
}

function short(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
