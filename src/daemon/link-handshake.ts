/**
 * The TLS handshake of the replication link, on the main thread. The data worker has the socket and passes the bytes of the handshake
 * on, both ways; what comes of it are two keys, for the data worker to seal with (`link-encryption.ts`). Nothing else ever goes
 * through this TLS.
 *
 * The peer must have a certificate of the same authority, for the other replica of the same service: either side checks.
 */
import { Duplex } from 'node:stream';
import { connect, createServer, type SecureContextOptions, type TLSSocket } from 'node:tls';
import { KEY_BYTES } from '../linux/aes-gcm.ts';
import type { TlsConfig } from './config-schema.ts';
import { certifiedName, isCertifiedFor, readCredentials } from './link-credentials.ts';

export type LinkSide = 'joiner' | 'primary';

/** The keys of a connection, by who seals with them. */
export type LinkKeys = Readonly<Record<LinkSide, Uint8Array>>;

/** What the data worker says. Connections are counted: what is said of another than the latest is out of date. */
export type HandshakeAsk = { readonly connection: number } & (
  | { readonly ask: 'begin'; readonly side: LinkSide }
  | { readonly ask: 'take'; readonly bytes: Uint8Array }
  | { readonly ask: 'end' }
);

/** What it is told. */
export type HandshakeNews = { readonly connection: number } & (
  | { readonly news: 'send'; readonly bytes: Uint8Array }
  | { readonly news: 'keys'; readonly keys: LinkKeys }
  | { readonly news: 'failed'; readonly reason: string }
);

export interface HandshakeNames {
  readonly service: string;
  readonly self: string;
  readonly peer: string;
}

/** RFC 5705 §4: a label that nobody else has. */
const EXPORTER_LABEL = 'EXPORTER-fttcp-link';
const TLS_VERSION = 'TLSv1.3';

export class LinkHandshakes {
  readonly #tls: TlsConfig;
  readonly #names: HandshakeNames;
  readonly #tell: (news: HandshakeNews) => void;
  #current: Handshake | undefined;

  constructor(tls: TlsConfig, names: HandshakeNames, tell: (news: HandshakeNews) => void) {
    this.#tls = tls;
    this.#names = names;
    this.#tell = tell;
  }

  take(ask: HandshakeAsk): void {
    if (ask.ask === 'begin') {
      this.#current?.end();
      this.#current = new Handshake(ask.connection, ask.side, this.#names, this.#tell);
      this.#current.begin(this.#tls);
    } else if (ask.connection !== this.#current?.connection) {
      return;
    } else if (ask.ask === 'take') {
      this.#current.take(ask.bytes);
    } else {
      this.end();
    }
  }

  end(): void {
    this.#current?.end();
    this.#current = undefined;
  }
}

class Handshake {
  readonly connection: number;
  readonly #side: LinkSide;
  readonly #names: HandshakeNames;
  readonly #tell: (news: HandshakeNews) => void;
  /** Stands for the socket that the data worker has. */
  readonly #wire = new Duplex({
    read: () => {},
    write: (bytes: Buffer, _encoding, done) => {
      this.#send(bytes);
      done();
    },
  });
  #outgoing: Uint8Array[] = [];
  #ended = false;

  constructor(connection: number, side: LinkSide, names: HandshakeNames, tell: (news: HandshakeNews) => void) {
    this.connection = connection;
    this.#side = side;
    this.#names = names;
    this.#tell = tell;
    // What is wrong with it, TLS says.
    this.#wire.on('error', () => {});
  }

  /** The files are read anew each time: a certificate is renewed without a restart. */
  begin(tls: TlsConfig): void {
    try {
      const { certificate: cert, key, authority: ca } = readCredentials(tls);
      const options = { cert, key, ca, minVersion: TLS_VERSION } as const;
      if (this.#side === 'primary') this.#serve(options);
      else this.#connect(options);
    } catch (error) {
      this.#fail(error);
    }
  }

  take(bytes: Uint8Array): void {
    if (!this.#ended) this.#wire.push(bytes);
  }

  end(): void {
    this.#ended = true;
    this.#wire.destroy();
  }

  #serve(options: SecureContextOptions): void {
    const both = { requestCert: true, rejectUnauthorized: true };
    const server = createServer({ ...options, ...both }, (socket) => this.#finish(socket));
    server.on('tlsClientError', (error, socket) => this.#fail(socket.authorizationError ?? error));
    server.emit('connection', this.#wire);
  }

  #connect(options: SecureContextOptions): void {
    // Whose certificate it is, `#finish` looks at.
    const checks = { rejectUnauthorized: true, checkServerIdentity: () => undefined };
    const socket = connect({ ...options, ...checks, socket: this.#wire }, () => this.#finish(socket));
    socket.on('error', (error) => this.#fail(error));
  }

  /** The authority vouches for the peer's certificate. */
  #finish(socket: TLSSocket): void {
    socket.on('error', () => {});
    if (this.#ended) return;
    const { service, peer } = this.#names;
    const certificate = socket.getPeerX509Certificate();
    const name = certifiedName(service, peer);
    if (!socket.authorized || certificate === undefined || !isCertifiedFor(certificate, name)) {
      this.#fail(`the certificate is for ${certificate?.subjectAltName ?? 'no name'}, not for DNS:${name}`);
      return;
    }
    const material = socket.exportKeyingMaterial(2 * KEY_BYTES, EXPORTER_LABEL, Buffer.from(service));
    const keys = { joiner: material.subarray(0, KEY_BYTES), primary: material.subarray(KEY_BYTES) };
    this.#tell({ connection: this.connection, news: 'keys', keys });
    // What a TLS server still says then is of no use. A client has yet to say that it is done.
    if (this.#side === 'primary') this.end();
  }

  /** With the turn of the event loop: the keys are told before the bytes by which the peer has them too. */
  #send(bytes: Uint8Array): void {
    if (this.#outgoing.push(bytes) > 1) return;
    setImmediate(() => {
      const all = Buffer.concat(this.#outgoing);
      this.#outgoing = [];
      if (!this.#ended) this.#tell({ connection: this.connection, news: 'send', bytes: all });
    });
  }

  #fail(problem: unknown): void {
    if (this.#ended) return;
    this.end();
    const { self, peer } = this.#names;
    const reason = `TLS with ${peer} has failed on ${self}: ${inWords(problem)}`;
    this.#tell({ connection: this.connection, news: 'failed', reason });
  }
}

/** An error of OpenSSL has a reason; its message is for its authors. */
function inWords(problem: unknown): string {
  if (!(problem instanceof Error)) return String(problem);
  return 'reason' in problem && typeof problem.reason === 'string' ? problem.reason : problem.message;
}
