/** What clients ask of the simulated service: short transfers that between them use every part of a connection's life. */
import type { ModelClient } from './model-client.ts';
import { digest, echo, fileOf, files, sink } from './model-server.ts';
import { World, type WorldOptions } from './world.ts';

export interface Scenario {
  readonly name: string;
  build(options: WorldOptions): World;
}

/** What the server `files` is asked for. */
export function request(length: number): Uint8Array {
  return Uint8Array.of(length >>> 24, length >>> 16, length >>> 8, length);
}

type Changes = Parameters<World['addClient']>[1];

export function upload(world: World, length: number, changes?: Changes): ModelClient {
  const sends = world.random.bytes(length);
  return world.addClient({ sends, expects: digest(sends), closesFirst: true }, changes);
}

export function download(world: World, length: number, closesFirst = false, changes?: Changes): ModelClient {
  return world.addClient({ sends: request(length), expects: fileOf(length), closesFirst }, changes);
}

export function conversation(world: World, length: number, stepBytes: number, changes?: Changes): ModelClient {
  const sends = world.random.bytes(length);
  return world.addClient({ sends, expects: sends, closesFirst: true, stepBytes }, changes);
}

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'an upload whose client closes first',
    build: (options) => {
      const world = new World({ app: sink, ...options }).pair();
      upload(world, 9_000);
      return world;
    },
  },
  {
    name: 'a download whose server closes first',
    build: (options) => {
      const world = new World({ app: files, ...options }).pair();
      download(world, 12_000);
      return world;
    },
  },
  {
    name: 'a download through a half-closed connection',
    build: (options) => {
      const world = new World({ app: files, ...options }).pair();
      download(world, 9_000, true);
      return world;
    },
  },
  {
    name: 'an echo in both directions at once',
    build: (options) => {
      const world = new World({ app: echo, ...options }).pair();
      conversation(world, 8_000, 0);
      return world;
    },
  },
  {
    name: 'requests and answers in turn',
    build: (options) => {
      const world = new World({ app: echo, ...options }).pair();
      conversation(world, 900, 100);
      return world;
    },
  },
];
