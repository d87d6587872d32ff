// What a host's state machine tells of itself: rare, and each with a stable name (docs/deploy.md).
import type { NorthDivergence } from '../north/divergence.ts';

export type ReplicaEvent =
  | { readonly event: 'primary'; readonly epoch: number }
  | { readonly event: 'joined'; readonly epoch: number }
  | { readonly event: 'admitted'; readonly epoch: number }
  | { readonly event: 'refused'; readonly reason: string }
  | { readonly event: 'suspected'; readonly epoch: number; readonly reason: string; readonly silenceMs: number }
  /** The peer was suspected, and did its part again before the view was changed. */
  | { readonly event: 'reconsidered'; readonly epoch: number; readonly reason: string }
  | {
      readonly event: 'promoted';
      readonly epoch: number;
      readonly reason: string;
      readonly connections: number;
      readonly silenceMs: number;
    }
  /** The server of a new primary has taken all that the log held. */
  | { readonly event: 'recovered'; readonly epoch: number; readonly afterMs: number }
  /** Cold: the server is to be started; with `replay`, for the log of another primary. */
  | { readonly event: 'server-wanted'; readonly replay: boolean }
  /** Cold: the retained log goes through the server. */
  | { readonly event: 'replaying'; readonly bytes: number }
  | {
      readonly event: 'replayed';
      readonly bytes: number;
      readonly connections: number;
      readonly afterMs: number;
      readonly megabytesPerS: number;
      readonly connectionsPerS: number;
    }
  /** The retained log cannot be replayed: this host cannot serve. */
  | { readonly event: 'replay-failed'; readonly problem: string }
  /** The retained log cannot be written at present; '' when it can be again. */
  | { readonly event: 'retained-log'; readonly problem: string }
  /** Level recorded: the first connection of the service. A server that starts from the initial state lacks something from now on. */
  | { readonly event: 'used' }
  | { readonly event: 'solo'; readonly epoch: number; readonly reason: string }
  | { readonly event: 'removing'; readonly epoch: number; readonly reason: string }
  | {
      readonly event: 'removed';
      readonly epoch: number;
      readonly reason: string;
      /** No connection was ever opened: a fresh server would know all that this one does. */
      readonly pristine: boolean;
    }
  | {
      readonly event: 'diverged';
      readonly connection: number;
      readonly client: string;
      /** In the server's stream: from here on, or from a little later, the two outputs differ. */
      readonly position: number;
      /** What this host's server has said there, in hexadecimal, as far as it is kept. */
      readonly said: string;
      /** How many connections have diverged so far. */
      readonly divergences: number;
    }
  /** A process of this host's server does otherwise than the recording of the primary's says: what it would say is of no use. */
  | ({ readonly event: 'server-diverged'; readonly divergences: number } & NorthDivergence)
  /** The server has started a program that is not recorded: what that learns, the other host's learns for itself. */
  | { readonly event: 'unprotected-program'; readonly program: string }
  /** Somebody else on the LAN uses the service address. */
  | { readonly event: 'address-conflict'; readonly mac: string }
  /** This host's server was killed: it hands over, or leaves the view, unless there is nobody else. */
  | { readonly event: 'server-killed'; readonly signal: string; readonly alone: boolean }
  | { readonly event: 'link-lost'; readonly reason: string }
  | { readonly event: 'log-refused'; readonly reason: string }
  | { readonly event: 'handed-over'; readonly epoch: number }
  | { readonly event: 'witness-lost' }
  | { readonly event: 'witness-answers'; readonly epoch: number }
  /** The witness answers, but cannot do what it was asked. */
  | { readonly event: 'witness-problem'; readonly problem: string };
