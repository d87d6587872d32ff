/** Large transfers over SMB, those of the paper: smbclient puts a file to an smbd as its package ships it, or gets one. */
import { serverPath } from '../lab/needs.ts';
import { prepareExample } from './example-state.ts';
import { filesInMemory, type TransferService } from './large-transfer.ts';

const PORT = 445;
const [USER, PASSWORD] = ['root', 'secret'];
const SMBCLIENT =
  'exec smbclient //$FTTCP_ADDRESS/files --port=$FTTCP_PORT --configfile=/dev/null --client-protection=off ' +
  `--user=${USER}%${PASSWORD}`;
/** smbclient's, which counts in them. */
const KILOBYTE = 1024;

export const SMB: TransferService = {
  name: 'Samba',
  protocol: 'SMB',
  parties: 'Samba (recorded) and smbclient',
  way: 'over SMB, from an unmodified smbd at `level: recorded` to smbclient and back',
  programs: { smbclient: 'smbclient', smbd: 'samba' },
  // Only root may become who logs in.
  needsRoot: true,
  run({ direction, bytes }, { directory, source }, { environment }) {
    prepareExample('samba/prepare.sh', [directory, USER, PASSWORD], environment);
    const work = direction === 'up' ? `put "${source}" taken` : 'get given /dev/null';
    return {
      level: 'recorded',
      state: directory,
      server: `${filesInMemory(bytes)} && exec ./start.sh`,
      client: `${SMBCLIENT} -c '${work}' 2>&1`,
      port: PORT,
      environment: { ...environment, PATH: serverPath(environment.PATH ?? '') },
    };
  },
  /** From before the file is opened until the server has answered that it is closed; to the millisecond. The session stands by then. */
  secondsOf(printed, bytes) {
    // It goes on, and exits with 0, where a write failed.
    if (printed.includes('NT_STATUS_')) return Number.NaN;
    const [, rate] = /\(([\d.]+) (?:kb\/s|KiloBytes\/sec)\) \(average/.exec(printed) ?? [];
    return bytes / (Number(rate) * KILOBYTE);
  },
};
