// The entries of the log, as they travel on the replication link: one totally ordered sequence per service (DESIGN: the log
// is the authority). Every frame is `length u32 | type u8 | flags u8 | reserved u16 | connection u32 | body`, big-endian.
// Frames from 64 on are the link's own conversation (see replica/link-session.ts) and share the framing.
//
// Stream positions count from the sender's initial sequence number: the SYN is at 0, the first byte at 1, the FIN after the
// last byte. They are u64 on the wire and safe integers here, so that nothing above `wire/seq.ts` meets a wrap-around.

export const FRAME_HEADER = 12;
/** Largest frame: one bulk segment of 64 KB and its header, rounded up. */
export const FRAME_MAX = 66_560;

export const ENTRY = {
  /** SYN-ACK read from the server: a connection that the client may learn of. Counts as output. */
  OPEN: 1,
  /** The third segment of the handshake was accepted. */
  ESTABLISHED: 2,
  /** Bytes of the client, new at this position. */
  BYTES: 3,
  /** FIN of the client. */
  FIN: 4,
  /** RST of the client, accepted. */
  RESET: 5,
  /** Latest ACK and window of the client: a note, sent in batches. */
  CLIENT_ACK: 6,
  /** What the server's TCP is about to say: rule 2. */
  OUTPUT: 7,
  /** The primary has forgotten the connection. */
  CLOSED: 8,
  /** Stands for output that is not the server's TCP: ARP, ICMP, UDP, the daemon's own segments. */
  NOOP: 9,
  /** The client says that urgent data ends at this position. */
  URGENT: 10,
  /** What the server's processes have learnt from the system: the next bytes of their recording, cut anywhere. */
  NORTH: 11,
  /** What a process of the server has chosen by `choose`: one record, as it stands in its file (north/choices.ts). */
  CHOICE: 12,
} as const;

export const LINK_FRAME = {
  CHALLENGE: 64,
  HELLO: 65,
  WELCOME: 66,
  REFUSE: 67,
  /** Backup to primary: everything up to this position is held. */
  ACK: 68,
  /** Primary to backup: nothing follows, take over now. */
  HANDOVER: 69,
  /** Backup to primary: remove me from the view. */
  LEAVE: 70,
  /** Backup to primary: so far my server's TCP has acknowledged this connection's input, and so much has it said. */
  PROGRESS: 71,
  /** Backup to primary: the outputs of the two servers differ on this connection, at this position or before. */
  DIVERGED: 72,
  /** Either way: bytes of the TLS handshake that begins an encrypted link. */
  TLS: 73,
  /** Either way: other frames, or parts of them, encrypted. Nothing else follows the first one. */
  SEALED: 74,
} as const;

export const OUTPUT_FIN = 1;
export const OUTPUT_RST = 2;

export const OPEN_TIMESTAMPS = 1;
export const OPEN_SACK_PERMITTED = 2;
export const OPEN_ECN = 4;

/** Marks a window scale that was not negotiated. */
export const NO_WINDOW_SCALE = 255;

// Offsets within a frame, and the frames' lengths. BYTES: data from BYTES_DATA on.
export const OPEN_CLIENT_IP = 12;
export const OPEN_SERVICE_IP = 28;
export const OPEN_CLIENT_PORT = 44;
export const OPEN_SERVICE_PORT = 46;
export const OPEN_CLIENT_MAC = 48;
export const OPEN_CLIENT_MSS = 54;
export const OPEN_IRS = 56;
export const OPEN_ISS = 60;
export const OPEN_CLIENT_TSVAL = 64;
export const OPEN_SERVER_TSVAL = 68;
export const OPEN_SERVER_MSS = 72;
export const OPEN_CLIENT_WINDOW = 74;
export const OPEN_SERVER_WINDOW = 76;
export const OPEN_CLIENT_SCALE = 78;
export const OPEN_SERVER_SCALE = 79;
export const OPEN_LENGTH = 80;

export const ESTABLISHED_EDGE = 12;
export const ESTABLISHED_TSVAL = 20;
export const ESTABLISHED_LENGTH = 24;

export const BYTES_POSITION = 12;
export const BYTES_TSVAL = 20;
export const BYTES_DATA = 24;

export const NORTH_DATA = FRAME_HEADER;
/** Bytes of a recording in one entry. */
export const NORTH_MOST = FRAME_MAX - NORTH_DATA;

export const CHOICE_DATA = FRAME_HEADER;

export const URGENT_MARK = 12;
export const URGENT_LENGTH = 20;

export const FIN_POSITION = 12;
export const FIN_TSVAL = 20;
export const FIN_LENGTH = 24;

export const CLIENT_ACK_ACK = 12;
export const CLIENT_ACK_EDGE = 20;
export const CLIENT_ACK_TSVAL = 28;
export const CLIENT_ACK_LENGTH = 32;

export const OUTPUT_END = 12;
export const OUTPUT_ACK = 20;
export const OUTPUT_EDGE = 28;
export const OUTPUT_CHECKSUM = 36;
export const OUTPUT_TSVAL = 40;
export const OUTPUT_LENGTH = 44;

/** Body length that each type of entry has at least, header included; anything shorter is refused. */
const LEAST_LENGTH: Readonly<Record<number, number>> = {
  [ENTRY.OPEN]: OPEN_LENGTH,
  [ENTRY.ESTABLISHED]: ESTABLISHED_LENGTH,
  [ENTRY.BYTES]: BYTES_DATA + 1,
  [ENTRY.FIN]: FIN_LENGTH,
  [ENTRY.RESET]: FRAME_HEADER,
  [ENTRY.CLIENT_ACK]: CLIENT_ACK_LENGTH,
  [ENTRY.OUTPUT]: OUTPUT_LENGTH,
  [ENTRY.CLOSED]: FRAME_HEADER,
  [ENTRY.NOOP]: FRAME_HEADER,
  [ENTRY.URGENT]: URGENT_LENGTH,
  [ENTRY.NORTH]: NORTH_DATA + 1,
  [ENTRY.CHOICE]: CHOICE_DATA + 1,
};

export function leastLength(type: number): number {
  return LEAST_LENGTH[type] ?? FRAME_HEADER;
}

/** Fields of each type that hold a stream position. */
const POSITIONS: Readonly<Record<number, readonly number[]>> = {
  [ENTRY.ESTABLISHED]: [ESTABLISHED_EDGE],
  [ENTRY.BYTES]: [BYTES_POSITION],
  [ENTRY.FIN]: [FIN_POSITION],
  [ENTRY.CLIENT_ACK]: [CLIENT_ACK_ACK, CLIENT_ACK_EDGE],
  [ENTRY.OUTPUT]: [OUTPUT_END, OUTPUT_ACK, OUTPUT_EDGE],
  [ENTRY.URGENT]: [URGENT_MARK],
};
const NO_POSITIONS: readonly number[] = [];

export function positionFields(type: number): readonly number[] {
  return POSITIONS[type] ?? NO_POSITIONS;
}
