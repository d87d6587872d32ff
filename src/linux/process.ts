/** What /proc tells about processes. */
import { readdirSync, readFileSync } from 'node:fs';

const TCP_LISTEN = '0A';

/** The TCP ports on which anything in the network namespace of a process listens, ascending; empty when it has ended. */
export function listeningPorts(pid: number): number[] {
  const ports = new Set<number>();
  for (const table of ['tcp', 'tcp6']) {
    for (const line of readOrEmpty(`/proc/${pid}/net/${table}`).split('\n').slice(1)) {
      // sl local_address rem_address st …
      const [, local, , state] = line.trim().split(/\s+/);
      const port = local?.split(':')[1];
      if (state === TCP_LISTEN && port !== undefined) ports.add(Number.parseInt(port, 16));
    }
  }
  return [...ports].sort((a, b) => a - b);
}

/** The processes that a process has started and that have not been reaped, whichever of its threads started them. */
export function childrenOf(pid: number): number[] {
  const children: number[] = [];
  try {
    for (const tid of readdirSync(`/proc/${pid}/task`)) {
      const text = readFileSync(`/proc/${pid}/task/${tid}/children`, 'utf8');
      for (const child of text.split(' ')) if (child !== '') children.push(Number(child));
    }
  } catch {
    return []; // it has ended
  }
  return children;
}

/** The state letter of proc_pid_stat(5), `Z` for a zombie; undefined when there is no such process. */
export function processState(pid: number, procRoot = '/proc'): string | undefined {
  // The second field is the name in brackets and may itself hold anything, brackets too.
  const stat = readOrEmpty(`${procRoot}/${pid}/stat`);
  const state = stat[stat.lastIndexOf(')') + 2];
  return state;
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
