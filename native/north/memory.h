/*
 * The memory shared with the daemon: attached once per program, the lock over all processes, and rings.
 */
#ifndef NORTH_MEMORY_H
#define NORTH_MEMORY_H

#include <stdbool.h>
#include "layout.h"

/** 0 where this process is not wrapped. */
extern struct north_header *north;

/** Maps the memory that the environment names. @returns false: this process is not wrapped, or not any more. */
bool memory_attach(void);

/**
 * The environment entry by which a program that this process becomes is told who it is: FTTCP_NORTH=descriptor:process:pid
 * @param pid ten digits; 0: not known yet, the program writes it in
 * @param into NORTH_ENTRY_BYTES
 */
const char *memory_entry(uint32_t process, int pid, char *into);
#define NORTH_VARIABLE "FTTCP_NORTH"
#define NORTH_ENTRY_BYTES 64

/** The descriptor of the memory, which the program must not close; -1 if there is none. */
int memory_fd(void);

/** Number of this process, the same on every replica: 1 is the first. */
extern uint32_t north_process;
void memory_forked(uint32_t process);

/** The order of all processes. Not recursive. */
void lock_take(void);
void lock_leave(void);

/**
 * Appends to the recording; the lock is held. Waits while the ring is full.
 * @param parts of the payload; together at most NORTH_PAYLOAD_MAX.
 */
struct north_part {
  const void *bytes;
  uint32_t length;
};
void ring_append(struct north_record record, const struct north_part *parts, int count);

/** The replay ring of this process, and the next record in it without taking it; 0: there is none yet. */
struct north_slot *replay_slot(void);
const struct north_record *replay_peek(void);
void replay_taken(const struct north_record *record);
/** Gives the process that was made its process id, before it has come. */
void replay_expect(uint32_t process, int pid);
/** Waits until another process has done again all that was recorded of it, if nothing follows. */
void replay_await(int pid);
/** Waits until there is a record or the replay has ended. @returns the record; 0: it has ended. */
const struct north_record *replay_wait(void);

#endif
