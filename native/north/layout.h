/*
 * What the shim and the daemon share: one memory file per service, and the records in it. The daemon's view of the same layout is
 * src/north/layout.ts; test/north/layout.test.ts compares the two.
 *
 *     0        header: mode, the lock, order, divergence report
 *     4096     slots: one per process that is replayed, with the ends of its replay ring
 *     65536    the recording ring: all processes write, the daemon reads
 *     …        replay rings, one per slot: the daemon writes, one process reads
 *
 * A recording is one sequence over all processes: whoever appends holds the lock, so that every prefix of it is causally complete. A
 * process that dies with the lock has published nothing: `head` moves last.
 *
 * Numbers are little endian, as the machine has them. Counters of bytes are u32 and wrap.
 */
#ifndef NORTH_LAYOUT_H
#define NORTH_LAYOUT_H

#include <stdint.h>

#define NORTH_MAGIC 0x6874726eu /* "nrth" */
#define NORTH_VERSION 1u

#define NORTH_SLOTS_OFFSET 4096u
#define NORTH_SLOTS 256u
#define NORTH_RECORDING_OFFSET 65536u
#define NORTH_RECORDING_BYTES (1u << 20)
#define NORTH_REPLAY_OFFSET (NORTH_RECORDING_OFFSET + NORTH_RECORDING_BYTES)
#define NORTH_REPLAY_BYTES (1u << 20)

/* What a process does that starts now. */
enum north_mode { NORTH_UNDECIDED = 0, NORTH_RECORD = 1, NORTH_REPLAY = 2 };

/** The ends of a ring. Each is written by one side; who waits for the other's end says so first, and takes it back himself. */
struct north_ends {
  _Alignas(64) uint32_t head; /* bytes ever written; a futex */
  uint32_t reader_waits;
  _Alignas(64) uint32_t tail; /* bytes ever taken; a futex */
  uint32_t writer_waits;
};

struct north_slot {
  uint32_t process; /* 0: free */
  uint32_t pid;     /* once it has come */
  struct north_ends ends;
};

/** A call of a replay that was not the recorded one. */
struct north_divergence {
  uint32_t process, thread;
  uint32_t expected, made; /* calls; made 0: the recorded result cannot be reproduced */
  int32_t expected_object, made_object;
  int64_t expected_result;
  char text[96];
  uint32_t peer_length; /* where the recorded call was about a connection: */
  uint8_t peer[28];     /* its client, as sockaddr_in or sockaddr_in6 */
};

struct north_header {
  uint32_t magic, version;
  uint32_t mode;         /* a futex: processes wait until it is decided */
  uint32_t lock;         /* 0, or the process that holds it, by its number here; the top bit: others wait */
  uint32_t next_process; /* number of the next process that is created */
  uint32_t order;        /* ordered records ever made: the number of the last one */
  uint32_t order_done;   /* of a replay: the number of the last one that was done again; a futex */
  uint32_t order_waits; /* for it: how many */
  uint32_t order_last; /* of a replay that has ended: the number of its last one */
  uint32_t divergences;
  uint32_t unprotected; /* programs that cannot be preloaded */
  struct north_divergence first_divergence;
  char first_unprotected[128];
  _Alignas(1024) struct north_ends recording;
};

/** A record. The payload follows, and zeros up to a multiple of 8. */
struct north_record {
  uint16_t length; /* of all, the padding included */
  uint16_t call;   /* and NORTH_ORDERED */
  uint32_t process;
  int64_t result;  /* -errno where the call failed */
  int32_t object;  /* the descriptor or what else tells the call from others */
  uint32_t detail; /* by call; the number of an ordered record */
};

#define NORTH_RECORD_MAX 65528u
#define NORTH_PAYLOAD_MAX (NORTH_RECORD_MAX - (uint32_t)sizeof(struct north_record))
#define NORTH_ORDERED 0x8000u

/* The names in divergence reports are these, see src/north/layout.ts. */
enum north_call {
  NORTH_PAD = 0,    /* the rest of the ring is not used */
  NORTH_GRANT = 1,  /* object: the thread that runs from here; detail: calls since the last grant; result: when, and why */
  NORTH_SIGNAL = 2, /* object: signal; detail: calls since the last grant; payload: siginfo_t */
  NORTH_CLOCK = 3,
  NORTH_RANDOM = 4,
  NORTH_READINESS = 5,
  NORTH_READ = 6,
  NORTH_WRITE = 7,
  NORTH_ACCEPT = 8,
  NORTH_SOCKET_STATE = 9,
  NORTH_STAT = 10,
  NORTH_DIRECTORY = 11,
  NORTH_FILE = 12,
  NORTH_LOCK = 13,
  NORTH_FORK = 14,
  NORTH_THREAD = 15,
  NORTH_WAIT = 16,
  NORTH_SLEEP = 17,
  NORTH_PROCESS = 18,
  NORTH_CHOICE = 19,
  NORTH_END = 20, /* of a replay: nothing follows, the process goes live */
  NORTH_PAUSE = 21, /* the process waits, with nobody left to run: a replay may come so far. detail: calls since the last grant; result: when */
  NORTH_CALLS
};

#endif
