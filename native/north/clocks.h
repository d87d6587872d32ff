/* Time as the program sees it: the recorded one in a replay, and from there on without a jump. */
#ifndef NORTH_CLOCKS_H
#define NORTH_CLOCKS_H

#include <stdint.h>
#include <time.h>

/** Records how the program's clocks stand to each other. */
void clocks_at_start(void);
void clocks_go_live(void);
void clocks_forked(void);

/** A replay does not wait for what the program has waited for: its clocks have come there. @param until of this host's monotonic clock */
void clocks_skip(int64_t until);

/**
 * A wait that begins in a replay may have to go on after it, for what is left of its time:
 *
 *     deadline = wait_deadline(ns); … the recording ends … ns = wait_left(deadline, ns);
 *
 * @returns 0: not in a replay, or it has no limit
 */
int64_t wait_deadline(int64_t ns);
int64_t wait_left(int64_t deadline, int64_t ns);

/** What the program's clock shows now, without a record. @returns ns; of a clock that does not exist 0. */
int64_t clock_shows(clockid_t clock);

/** @param when on the program's clock. @returns the same moment on this host's monotonic clock, in ns; for waits. */
int64_t monotonic_of(clockid_t clock, const struct timespec *when);

#endif
