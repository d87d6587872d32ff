// What the daemon and the shim share, as native/north/layout.h has it; a test compares the two. Little endian throughout.

export const NORTH_MAGIC = 0x6874726e;
export const NORTH_VERSION = 1;

export const MODE = { UNDECIDED: 0, RECORD: 1, REPLAY: 2 } as const;

// Fields of the header, all u32.
export const HEADER_MAGIC = 0;
export const HEADER_VERSION = 4;
export const HEADER_MODE = 8;
export const HEADER_NEXT_PROCESS = 16;
export const HEADER_ORDER = 20;
export const HEADER_ORDER_DONE = 24;
export const HEADER_ORDER_WAITS = 28;
export const HEADER_ORDER_LAST = 32;
export const HEADER_DIVERGENCES = 36;
export const HEADER_UNPROTECTED = 40;
export const HEADER_DIVERGENCE = 48;
export const HEADER_UNPROTECTED_NAME = 208;
export const HEADER_UNPROTECTED_NAME_BYTES = 128;
/** Ends of the recording ring. */
export const HEADER_RECORDING = 1024;

// A divergence, from its start.
export const DIVERGENCE_PROCESS = 0;
export const DIVERGENCE_THREAD = 4;
export const DIVERGENCE_EXPECTED = 8;
export const DIVERGENCE_MADE = 12;
export const DIVERGENCE_EXPECTED_OBJECT = 16;
export const DIVERGENCE_MADE_OBJECT = 20;
export const DIVERGENCE_EXPECTED_RESULT = 24;
export const DIVERGENCE_TEXT = 32;
export const DIVERGENCE_TEXT_BYTES = 96;
/** Length of a socket address, and the address. */
export const DIVERGENCE_PEER_LENGTH = 128;
export const DIVERGENCE_PEER = 132;

// The ends of a ring, from their start.
export const ENDS_HEAD = 0;
export const ENDS_READER_WAITS = 4;
export const ENDS_TAIL = 64;
export const ENDS_WRITER_WAITS = 68;

export const SLOTS_OFFSET = 4096;
export const SLOTS = 256;
export const SLOT_PROCESS = 0;
export const SLOT_PID = 4;
export const SLOT_ENDS = 64;
export const SLOT_BYTES = 192;

export const RECORDING_OFFSET = 65536;
export const RECORDING_BYTES = 1 << 20;
export const REPLAY_OFFSET = RECORDING_OFFSET + RECORDING_BYTES;
export const REPLAY_BYTES = 1 << 20;
export const MEMORY_BYTES = REPLAY_OFFSET + SLOTS * REPLAY_BYTES;

// Fields of a record.
export const RECORD_LENGTH = 0;
export const RECORD_CALL = 2;
export const RECORD_PROCESS = 4;
export const RECORD_RESULT = 8;
export const RECORD_OBJECT = 16;
export const RECORD_DETAIL = 20;
export const RECORD_HEADER = 24;
export const RECORD_MAX = 65528;
export const ORDERED = 0x8000;

export const CALL_PAD = 0;
export const CALL_WRITE = 7;
export const CALL_FORK = 14;
export const CALL_END = 20;

/** What each number of a call stands for, for people. */
export const CALL_NAMES: readonly string[] = [
  'pad',
  'grant',
  'signal',
  'clock',
  'random',
  'readiness',
  'read',
  'write',
  'accept',
  'socket-state',
  'stat',
  'directory',
  'file',
  'lock',
  'fork',
  'thread',
  'wait',
  'sleep',
  'process',
  'choice',
  'end',
  'pause',
];

/** The first process of a service: the command itself. */
export const FIRST_PROCESS = 1;
