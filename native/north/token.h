/*
 * One thread of a process runs at a time: the one that has the token. It gives it up in calls that block, when it waits for another thread, and
 * after a time slice if others wait, at the beginning of an interposed call. Every change of hands is recorded (GRANT), with the number of calls
 * since the last one, and replayed at the same point; so locks need no records, and data races are replayed too.
 */
#ifndef NORTH_TOKEN_H
#define NORTH_TOKEN_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "layout.h"

/** Why a thread gave the token up; in the result of a GRANT. */
enum handing { HANDED_BLOCKED = 1, HANDED_WAITING = 2, HANDED_PREEMPTED = 3, HANDED_EXITED = 4, HANDED_YIELDED = 5 };

void token_init(void);
/** In a forked child, of which this is the only thread. */
void token_forked(void);

/** At the beginning of each call: whether the thread goes on, or has a signal to take, is part of the recording. */
void token_boundary(void);

/** Around a real call that may block; never in a replay. */
void token_release(void);
void token_acquire(void);

/** Lets others run, if any want to. */
void token_yield(void);

enum waited { WAS_NAMED, PASSED, INTERRUPTED };
/**
 * Waits until `token_wake` names the address, the deadline has passed, or handlers of signals have run. These may have let others run: who was
 * interrupted looks again at what it waits for.
 * @param deadline of the program's monotonic clock in ns; negative: none
 */
enum waited token_wait(const void *address, int64_t deadline);
/** A signal has reached this thread; if it waits, it is to take it. For handlers of signals. */
void token_interrupt(void);
/** @returns how many of the threads that wait at the address do so no longer; in the order in which they came. */
int token_wake(const void *address, int count);
/** Has those who wait at one address wait at another; futex REQUEUE. */
int token_requeue(const void *from, const void *to, int count);

/** In the creator. @returns a thread that runs when it is granted the token; 0: there are too many. */
struct thread *token_new_thread(void);
/** In the thread itself. */
void token_thread_begins(struct thread *thread);
void token_thread_ends(void);
/** Creation failed. */
void token_forget(struct thread *thread);
uint32_t token_thread(void);
/** Whether this thread is one of those that the token goes round; some libraries create threads past every symbol. */
bool token_takes_part(void);
/** @param tid as the kernel has it */
bool token_has(int tid);
uint32_t token_index(const struct thread *thread);

void token_replay_grant(const struct north_record *record);
void token_replay_pause(const struct north_record *record);
void token_go_live(void);
/** The program is at its end: nobody waits for the token any more. */
void token_dissolve(void);

#endif
