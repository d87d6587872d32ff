/*
 * Signals reach the program's handlers at the beginning of interposed calls, or inside one that blocks; there they are recorded, and
 * there they are replayed. What arrives in between waits. Signals that a thread causes itself (SIGSEGV) and those without a handler are the kernel's.
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
void signals_forked(void);

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
};
#define KERNEL_MASK_BYTES 8
/** @param mask of signals during the call; 0: the thread's own */
bool wait_begin(struct waiting *waiting, const sigset_t *mask);
long wait_end(struct waiting *waiting, long result);

/** ppoll by this way. @param ns at most so long; negative: as long as it takes */
long wait_ready(struct pollfd *fds, unsigned count, int64_t ns, const sigset_t *mask);

/** After -EINTR: whether all handlers that have run want the call to be made again. SA_RESTART */
bool signal_restarts(void);

#endif
