/** Programs that a command needs from Debian packages: installed as root if they are missing, otherwise named. */
import { FttcpError } from '../errors.ts';

/** What the lab's hosts are made with. From a program to the Debian package that has it. */
export const LAB_PROGRAMS = {
  ip: 'iproute2',
  tc: 'iproute2',
  nsenter: 'util-linux',
  setpriv: 'util-linux',
  unshare: 'util-linux',
};

/** Plain JavaScript outside the compiled output, which the set-up step shares. */
const DEBIAN_PACKAGES = new URL('../../../scripts/debian-packages.mjs', import.meta.url).href;

/**
 * @param purpose begins the sentence that says what to install
 * @throws FttcpError `programs-missing`
 */
export async function ensurePrograms(programs: Record<string, string>, purpose: string): Promise<void> {
  const packages: {
    ensurePrograms(wanted: Record<string, string>, purpose: string): boolean;
  } = await import(DEBIAN_PACKAGES);
  if (packages.ensurePrograms(programs, purpose)) return;
  throw new FttcpError('programs-missing', 'This cannot run without the programs named above.');
}
