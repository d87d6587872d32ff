/*
 * Signals reach the program's handlers at the beginning of interposed calls, or inside one that blocks; there they are recorded, and
 * there they are replayed, in the thread that the kernel has chosen. What arrives in between waits. Signals that a thread causes itself (SIGSEGV) and
 * those without a handler are the kernel's.
 */
#ifndef NORTH_SIGNALS_H
#define NORTH_SIGNALS_H

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "layout.h"

void signal_boundary(uint32_t calls);
/** @returns whether the record was a signal for this call. */
bool signal_replay_boundary(const struct north_record *record, uint32_t calls);
/** In a call that blocked. */
void signal_replay(const struct north_record *record);
void signals_attached(void);
void signals_forked(void);
void signals_go_live(void);

/** Of a replay: those that came before their time are not to be taken. */
void signal_forget(int signal, int code);
/** Whether one has reached this thread that it has not taken. */
bool signal_waits(void);
/** Of a wait that has ended by itself: takes the signals that have ended it. @returns whether there were any */
bool signal_interrupts(void);

/**
 * A system call that blocks, without the token; never in a replay. It opens the mask itself, so that no signal slips in between the look at what
 * is pending and the wait:
 *
 *     result = wait_begin(&waiting, mask) ? ppoll(…, &waiting.open) : -EINTR;
 *     result = wait_end(&waiting, result);
 *
 * After -EINTR handlers have run.
 */
struct waiting {
  uint64_t own, open;
  bool is_over; /* before it began: its handlers were replayed */
};
#define KERNEL_MASK_BYTES 8

#define BIT(signal) (1ull << ((signal)-1))
/** Those that a thread causes itself. */
#define CAUSED (BIT(SIGSEGV) | BIT(SIGBUS) | BIT(SIGILL) | BIT(SIGFPE) | BIT(SIGTRAP) | BIT(SIGSYS) | BIT(SIGABRT))
/** The C library's own, from one thread to another, which waits until it is heard. nptl/nptlP.h */
#define OF_LIBRARY (BIT(32) | BIT(33))
/** What a thread that has a signal to take leaves with the kernel, and one that is about to wait. */
#define HELD (~(CAUSED | OF_LIBRARY | BIT(SIGKILL) | BIT(SIGSTOP)))

/** @returns the thread's own mask. Nothing arrives from here on, until `signals_let_go`. */
uint64_t signals_hold(void);
void signals_let_go(uint64_t mask);
/** The recording ends behind the handlers that have interrupted this call, and before its result. */
extern _Thread_local bool was_interrupted __attribute__((tls_model("initial-exec")));
/** The thread's mask is about to be another program's, too. */
extern _Thread_local bool gives_mask __attribute__((tls_model("initial-exec")));

/** @param mask of signals during the call; 0: the thread's own */
bool wait_begin(struct waiting *waiting, const sigset_t *mask);
long wait_end(struct waiting *waiting, long result);

/** ppoll by this way. @param ns at most so long; negative: as long as it takes */
long wait_ready(struct pollfd *fds, unsigned count, int64_t ns, const sigset_t *mask);

/** After -EINTR: whether all handlers that have run want the call to be made again. SA_RESTART */
bool signal_restarts(void);

#endif
