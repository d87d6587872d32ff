// A wrap without a server: what the retained log holds of a connection need not be kept here, and counts as taken and said by a server.
import type { Connection } from './connection.ts';

export function countAsTaken(connection: Connection): void {
  connection.input.release(connection.input.end);
  connection.inLocalNxt = connection.inEnd;
  connection.inFed = connection.inEnd;
  connection.outLocalNxt = connection.outWireNxt;
}
