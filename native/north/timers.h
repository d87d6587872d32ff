/*
 * Timers. A replay sets them as the program did; those that have rung in the recording are not to ring again for that when it goes live.
 */
#ifndef NORTH_TIMERS_H
#define NORTH_TIMERS_H

#include <signal.h>

/** Of a replay: what a timerfd had to tell was read. */
void timer_has_rung(int fd);
/** Of a replay: a signal was taken that has not come here yet. */
void timer_has_signalled(const siginfo_t *info);
void timers_go_live(void);
void timers_forked(void);

#endif
