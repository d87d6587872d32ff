// The replication link's sockets, driven by the data loop: one listening socket, and at most one connection, in or out. It moves
// bytes and says what became of the connection; what they mean is the replica's business.
import { close, EAGAIN, EINPROGRESS, POLLIN, POLLOUT, type Poller, recv, send } from '../linux/io.ts';
import { allocate } from '../linux/memory.ts';
import { connectResult, setBufferSizes, setNoDelay, tcpAccept, tcpConnect, tcpListen } from '../linux/socket.ts';
import type { ByteQueue } from '../log/byte-queue.ts';
import { FRAME_MAX } from '../log/entry.ts';
import type { Endpoint } from './config.ts';
import { type Consume, FrameIntake } from './frame-intake.ts';

const SOCKET_BUFFER_BYTES = 8 << 20;
/**
 * Received at a time: what was received is acknowledged before more of it comes, and the rest of the turn gets its turn. With the rest of
 * a frame, and of a sealed one around it, that is less than a block of the retained log.
 */
const RECEIVE_MOST = 448 << 10;
/** Beside that there is room for a frame that is not whole yet. */
export const RECEIVE_BYTES = RECEIVE_MOST + FRAME_MAX;

export class ReplicationLink {
  readonly #poller: Poller;
  readonly #own: Endpoint;
  readonly #outgoing: ByteQueue;
  readonly #listenFd: number;
  readonly #listenSlot: number;
  readonly #slot: number;
  readonly #received = new FrameIntake(allocate(RECEIVE_BYTES));
  #fd = -1;
  #connecting = false;

  constructor(poller: Poller, own: Endpoint, outgoing: ByteQueue) {
    this.#poller = poller;
    this.#own = own;
    this.#outgoing = outgoing;
    this.#listenFd = tcpListen(own.host, own.port);
    this.#listenSlot = poller.add(this.#listenFd, POLLIN);
    this.#slot = poller.add(-1, POLLIN);
  }

  /** A connection stands or is being made. */
  get busy(): boolean {
    return this.#fd >= 0;
  }

  connect(peer: Endpoint): void {
    this.#adopt(tcpConnect(peer.host, peer.port, this.#own.host));
    this.#connecting = true;
    this.#poller.setEvents(this.#slot, POLLOUT);
  }

  /** Takes a waiting connection if `wanted`, and turns away all others. @returns whether one was taken. */
  accept(wanted: boolean): boolean {
    if (this.#poller.ready(this.#listenSlot) === 0) return false;
    let taken = false;
    for (let fd = tcpAccept(this.#listenFd); fd >= 0; fd = tcpAccept(this.#listenFd)) {
      if (wanted && !taken) {
        this.close();
        this.#adopt(fd);
        taken = true;
      } else {
        close(fd);
      }
    }
    return taken;
  }

  /** @returns 1 when an outgoing connection has just been made, -1 when it failed, otherwise 0. */
  finishConnecting(): number {
    if (!this.#connecting || this.#poller.ready(this.#slot) === 0) return 0;
    const result = connectResult(this.#fd);
    if (result === -EINPROGRESS) return 0;
    this.#connecting = false;
    if (result < 0) {
      this.close();
      return -1;
    }
    this.#poller.setEvents(this.#slot, POLLIN);
    return 1;
  }

  /** Receives a part of what there is now. @returns '' or why the connection has ended. */
  receive(consume: Consume): string {
    if (this.#fd < 0 || this.#connecting) return '';
    const received = this.#received;
    const length = recv(this.#fd, received.bytes, received.filled, RECEIVE_MOST, 0);
    if (length === -EAGAIN) return '';
    if (length <= 0) return length === 0 ? 'the peer closed the link' : `the link failed (errno ${-length})`;
    received.filled += length;
    return received.drain(consume) ? '' : 'the peer does not speak the replication protocol';
  }

  /** Sends what is queued. @returns '' or why the connection has ended. */
  flush(): string {
    const queue = this.#outgoing;
    while (this.#fd >= 0 && !this.#connecting && queue.used > 0) {
      const sent = send(this.#fd, queue.bytes, queue.readOffset, queue.readable, 0);
      if (sent === -EAGAIN) {
        this.#poller.setEvents(this.#slot, POLLIN | POLLOUT);
        return '';
      }
      if (sent < 0) return `the link failed (errno ${-sent})`;
      queue.consume(sent);
    }
    if (this.#fd >= 0 && !this.#connecting) this.#poller.setEvents(this.#slot, POLLIN);
    return '';
  }

  close(): void {
    if (this.#fd < 0) return;
    close(this.#fd);
    this.#fd = -1;
    this.#connecting = false;
    this.#received.clear();
    this.#poller.setFd(this.#slot, -1);
  }

  end(): void {
    this.close();
    close(this.#listenFd);
    this.#poller.setFd(this.#listenSlot, -1);
  }

  #adopt(fd: number): void {
    setNoDelay(fd);
    setBufferSizes(fd, SOCKET_BUFFER_BYTES);
    this.#fd = fd;
    this.#received.clear();
    this.#poller.setFd(this.#slot, fd);
    this.#poller.setEvents(this.#slot, POLLIN);
  }
}
