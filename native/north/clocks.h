/* Time as the program sees it: the recorded one in a replay, and from there on without a jump. */
#ifndef NORTH_CLOCKS_H
#define NORTH_CLOCKS_H

#include <stdint.h>
#include <time.h>

/** Records how the program's clocks stand to each other. */
void clocks_at_start(void);
void clocks_go_live(void);
void clocks_forked(void);

/** The program's monotonic clock, which waits go by, without a record. It stands still between the records of a replay. */
int64_t program_now(void);
/** How far it is ahead of this host's own. */
int64_t program_ahead(void);

/** Of a replay: where the recording is, the program's monotonic clock has come to this moment. */
void clocks_reached(int64_t moment);

/**
 * A wait for so many ns may begin in a replay, and has to go on after it for what is left of its time:
 *
 *     record = recorded(…);
 *     if (record != 0) … if nothing came: wait_has_passed(ns);
 *     else … wait for wait_left(ns)
 *
 * No limit is negative.
 */
void wait_may_begin(void);
/** @param moment as recorded, of the program's monotonic clock */
void wait_has_begun(int64_t moment);
void wait_has_passed(int64_t ns);
int64_t wait_left(int64_t ns);
/** @returns the moment at which it ends, of the program's monotonic clock */
int64_t wait_until(int64_t ns);

/** What the program's clock shows now, without a record. @returns ns, or -errno */
int64_t clock_shows(clockid_t clock);

/** @param when on the program's clock. @returns the same moment on its monotonic one, in ns; for waits. */
int64_t monotonic_of(clockid_t clock, const struct timespec *when);

#endif
