/** A disk that is quickly full: a tmpfs in the mount namespace of a process that does nothing else. */
import { ok } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';

/** mount(8) is for root alone, be it of one more user namespace. */
const UNSHARE = process.getuid?.() === 0 ? ['-m'] : ['-Urm'];

export class SmallDisk {
  readonly root: string;
  readonly #filler: string;

  private constructor(root: string) {
    this.root = root;
    this.#filler = path.join(root, 'filler');
  }

  static async mount(t: TestContext, size: string): Promise<SmallDisk> {
    const mounted = `mount -t tmpfs -o size=${size} tmpfs ${tmpdir()} && echo mounted && exec cat`;
    const holder = spawn('unshare', [...UNSHARE, 'sh', '-c', mounted], { stdio: ['pipe', 'pipe', 'inherit'] });
    t.after(async () => {
      holder.stdin.end();
      await once(holder, 'close');
    });
    const [said] = await once(holder.stdout, 'data');
    ok(String(said).startsWith('mounted'));
    return new SmallDisk(`/proc/${holder.pid}/root${tmpdir()}`);
  }

  fill(): void {
    try {
      for (;;) writeFileSync(this.#filler, new Uint8Array(1024), { flag: 'a' });
    } catch {}
  }

  /** All of it, or a little. */
  makeRoom(bytes = Number.POSITIVE_INFINITY): void {
    truncateSync(this.#filler, Math.max(0, statSync(this.#filler).size - bytes));
  }
}
