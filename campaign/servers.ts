/** The servers of `examples/` and what clients do with them: for the campaign, and for tests with and without fttcp. */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Pattern } from '../soak/pattern.ts';
import { EXAMPLES, prepareExample } from '../src/experiments/example-state.ts';
import { nodeCommand } from '../src/experiments/measured-run.ts';
import type { Need } from '../src/lab/needs.ts';
import { BIG_SEED, SMALL } from './clients/nginx-files.ts';
import { TEXTS, textOf } from './clients/texts.ts';

const PASSWORD = 'secret';

export interface Load {
  /** For which clients work that have no end of their own. */
  readonly seconds: number;
  /** Of a large file. */
  readonly bytes: number;
}

export interface RealServer {
  readonly needs: readonly Need[];
  readonly port: number;
  /** Shell command, to be run in a copy of its state. */
  readonly server: string;
  /** Fills an empty directory with what it starts from. */
  readonly prepare: (state: string, load: Load) => void;
  /** Shell commands, by what they do. */
  readonly clients: (state: string, load: Load) => Readonly<Record<string, string>>;
}

export const REAL_SERVERS: Readonly<Record<string, RealServer>> = {
  samba: {
    // Only root may become who logs in.
    needs: ['root', 'program:smbd', 'program:smbclient'],
    port: 445,
    server: 'exec ./start.sh',
    prepare: (state) => prepareExample('samba/prepare.sh', [state, 'root', PASSWORD], process.env),
    clients: (_state, { bytes }) => {
      const work = (protection: string) => client('samba-client', `root%${PASSWORD}`, protection, bytes, 3);
      return {
        'three clients of plain SMB': work('off'),
        'three clients of signed SMB': work('sign'),
        'three clients of encrypted SMB': work('encrypt'),
      };
    },
  },

  nginx: {
    needs: ['namespaces', 'program:nginx', 'program:openssl'],
    port: 8443,
    server: 'exec ./start.sh 2 root',
    prepare: (state, { bytes }) => {
      prepareExample('nginx-tls/prepare.sh', [state, 'localhost'], process.env);
      writeFileSync(path.join(state, 'html', 'big'), new Pattern(BIG_SEED).bytes(0, bytes));
      writeFileSync(path.join(state, 'html', 'small'), SMALL);
    },
    clients: (state, { seconds, bytes }) => {
      const certificate = path.join(state, 'certificate.pem');
      const work = (name: string) => client('nginx-client', name, seconds, certificate, bytes);
      return {
        'downloads over TLS': work('download'),
        'six downloads over TLS at a time': work('parallel'),
        'requests over one TLS connection': work('keep-alive'),
        'TLS sessions that are resumed': work('resumption'),
        'dates over plain HTTP': work('date'),
        'all of it at once': work('all'),
      };
    },
  },

  redis: {
    needs: ['namespaces', 'program:redis-server'],
    port: 6379,
    server: 'exec ./start.sh',
    prepare: (state) => copyExample('redis', state),
    clients: (_state, { seconds }) => ({
      'what only one server can do': client('redis-invariants-client', seconds),
    }),
  },

  rtsp: {
    needs: ['namespaces', 'lib/python3/dist-packages/gi/__init__.py', 'lib/girepository-1.0/GstRtspServer-1.0.typelib'],
    port: 8554,
    server: 'exec ./start.sh',
    prepare: (state) => prepareExample('rtsp/prepare.sh', [state], process.env),
    clients: (_state, { seconds }) => ({ 'three sessions': client('rtsp-client', seconds, 3) }),
  },

  'live-http': {
    needs: ['namespaces', 'program:python3'],
    port: 8000,
    server: 'exec python3 server.py',
    prepare: (state) => copyExample('live-http', state),
    clients: (_state, { seconds }) => ({ 'four viewers': client('live-client', seconds, 4) }),
  },

  h2o: {
    // It becomes its user and group even where it is that already, which a namespace with one user refuses.
    needs: ['root', 'program:h2o'],
    port: 8000,
    server: 'exec ./start.sh root',
    prepare: (state) => {
      copyExample('compute', state);
      mkdirSync(path.join(state, 'html'));
      for (let index = 0; index < TEXTS; index++) {
        writeFileSync(path.join(state, 'html', `text${index}.txt`), textOf(index));
      }
    },
    clients: (_state, { seconds }) => ({
      'texts compressed over six connections': client('compute-client', seconds, 6),
    }),
  },
};

function client(name: string, ...words: readonly (string | number)[]): string {
  return nodeCommand(`campaign/clients/${name}.js`, ...words);
}

function copyExample(name: string, state: string): void {
  cpSync(path.join(EXAMPLES, name), state, { recursive: true, preserveTimestamps: true });
}
