/** Which segments of a log nobody needs any more, where a connection that is over has left no state. Pure. */

export class LiveSegments {
  /** Where each segment began, ascending, and the connections of which it has entries and that are not over. */
  readonly #segments: { readonly start: number; readonly connections: Set<number> }[] = [];

  clear(): void {
    this.#segments.length = 0;
  }

  begin(start: number): void {
    this.#segments.push({ start, connections: new Set() });
  }

  /** The present segment has an entry of this connection. */
  has(connection: number): void {
    this.#segments.at(-1)?.connections.add(connection);
  }

  /** The connection is over. @returns where the segments began that are not needed any more; the present one always is. */
  over(connection: number): number[] {
    const present = this.#segments.at(-1);
    const emptied: number[] = [];
    for (const { start, connections } of this.#segments) {
      if (connections.delete(connection) && connections.size === 0 && start !== present?.start) emptied.push(start);
    }
    for (const start of emptied) {
      const at = this.#segments.findIndex((segment) => segment.start === start);
      this.#segments.splice(at, 1);
    }
    return emptied;
  }
}
