#define _GNU_SOURCE
#include "clocks.h"

#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>

#include "real.h"
#include "recording.h"
#include "signals.h"
#include "sys.h"

/* CLOCK_TAI is the last one that is not a process's or thread's own. */
#define CLOCKS 12

/*
 * After a replay a clock shows what it would on the primary. How far that one's was ahead of this host's own is known in two ways, of which the
 * larger counts: what was recorded was the time a moment ago, or long ago where the replay is of a cold backup; and since real time is the same
 * for both hosts, the others are as far from it as they were at the program's start.
 */

/** Of each clock: the largest amount by which it was ahead of this host's own, and the largest value it has shown. */
static struct {
  int64_t ahead, shown;
  int known;
} clocks[CLOCKS];

static bool live; /* after a replay: what was known is added */

/** Of the host that was recorded: how far its monotonic clock was ahead of its real time. */
static int64_t monotonic_from_real;
static bool monotonic_from_real_known;

static int64_t own(clockid_t clock) {
  struct timespec now;
  if (real(clock_gettime)(clock, &now) != 0) return -errno;
  return now.tv_sec * NANOSECONDS + now.tv_nsec;
}

static bool has_offset(clockid_t clock) {
  return clock >= 0 && clock < CLOCKS && clock != CLOCK_PROCESS_CPUTIME_ID && clock != CLOCK_THREAD_CPUTIME_ID;
}

static void at_least(clockid_t kind, int64_t ahead) {
  if (!clocks[kind].known || ahead > clocks[kind].ahead) clocks[kind].ahead = ahead;
  clocks[kind].known = 1;
}

void clocks_go_live(void) {
  at_least(CLOCK_REALTIME, 0);
  if (monotonic_from_real_known)
    at_least(CLOCK_MONOTONIC, monotonic_from_real - (own(CLOCK_MONOTONIC) - own(CLOCK_REALTIME)));
  live = true;
}

/** A coarse clock goes on from its fine one, and shares what is known of it. */
static clockid_t kind_of(clockid_t clock) {
  switch (clock) {
    case CLOCK_REALTIME_COARSE:
    case CLOCK_TAI:
      return CLOCK_REALTIME;
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_BOOTTIME:
      return CLOCK_MONOTONIC;
    default:
      return clock;
  }
}

int64_t clock_shows(clockid_t clock) {
  int64_t value = own(clock);
  if (!live || value < 0 || !has_offset(clock)) return value;
  clockid_t kind = kind_of(clock);
  if (clocks[kind].known) value += clocks[kind].ahead;
  // Coarse or not, none runs backwards.
  if (value < clocks[clock].shown) value = clocks[clock].shown;
  clocks[clock].shown = value;
  return value;
}

static void learn(clockid_t clock, int64_t value) {
  if (!has_offset(clock)) return;
  if (value > clocks[clock].shown) clocks[clock].shown = value;
  at_least(kind_of(clock), value - own(clock));
}

/* No clock of the program's. */
#define WHAT_START (-1)

void clocks_at_start(void) {
  const struct north_record *record = recorded(NORTH_CLOCK, WHAT_START);
  if (record != 0) {
    monotonic_from_real = record->result;
    monotonic_from_real_known = true;
    replay_taken(record);
  } else {
    record_result(NORTH_CLOCK, WHAT_START, clock_shows(CLOCK_MONOTONIC) - clock_shows(CLOCK_REALTIME), 0);
  }
}

int64_t monotonic_of(clockid_t clock, const struct timespec *when) {
  int64_t left = when->tv_sec * NANOSECONDS + when->tv_nsec - clock_shows(clock);
  return own(CLOCK_MONOTONIC) + left;
}

/** @returns ns, or -errno */
static int64_t read_clock(clockid_t clock) {
  const struct north_record *record = recorded(NORTH_CLOCK, clock);
  int64_t value;
  if (record != 0) {
    value = record->result;
    replay_taken(record);
    if (value >= 0) learn(clock, value);
  } else {
    value = clock_shows(clock);
    record_result(NORTH_CLOCK, clock, value, 0);
  }
  return value;
}

static long read_timespec(clockid_t clock, struct timespec *now) {
  int64_t value = read_clock(clock);
  if (value < 0) return value;
  *now = (struct timespec){value / NANOSECONDS, value % NANOSECONDS};
  return 0;
}

INTERPOSED int clock_gettime(clockid_t clock, struct timespec *now) {
  if (!wrap_enter()) return real(clock_gettime)(clock, now);
  long result = read_timespec(clock, now);
  wrap_leave();
  return (int)returned(result);
}

INTERPOSED int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  if (!wrap_enter()) return real(gettimeofday)(now, zone);
  int64_t value = read_clock(CLOCK_REALTIME);
  wrap_leave();
  *now = (struct timeval){value / NANOSECONDS, value % NANOSECONDS / 1000};
  if (zone != 0) *(struct timezone *)zone = (struct timezone){0, 0};
  return 0;
}

INTERPOSED time_t time(time_t *now) {
  if (!wrap_enter()) return real(time)(now);
  time_t value = (time_t)(read_clock(CLOCK_REALTIME_COARSE) / NANOSECONDS);
  wrap_leave();
  if (now != 0) *now = value;
  return value;
}

INTERPOSED int timespec_get(struct timespec *now, int base) {
  if (base != TIME_UTC) return 0;
  return clock_gettime(CLOCK_REALTIME, now) == 0 ? base : 0;
}

INTERPOSED clock_t clock(void) {
  struct timespec now;
  if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) != 0) return (clock_t)-1;
  return now.tv_sec * CLOCKS_PER_SEC + now.tv_nsec / (NANOSECONDS / CLOCKS_PER_SEC);
}

/** What a process has used, as the kernel counts it. */
static long read_usage(int what, long (*ask)(int, void *), void *into, size_t size) {
  const struct north_record *record = recorded(NORTH_CLOCK, what);
  long result;
  if (record != 0) {
    result = record->result;
    if (result >= 0) __builtin_memcpy(into, payload_of(record), size);
    replay_taken(record);
  } else {
    result = ask(what, into);
    record_bytes(NORTH_CLOCK, what, result, 0, into, size);
  }
  return result;
}

static long ask_usage(int who, void *into) {
  return sys(SYS_getrusage, who, into);
}

static long ask_times(int who, void *into) {
  (void)who;
  return sys(SYS_times, into);
}

INTERPOSED int getrusage(enum __rusage_who who, struct rusage *usage) {
  if (!wrap_enter()) return real(getrusage)(who, usage);
  long result = read_usage(who, ask_usage, usage, sizeof *usage);
  wrap_leave();
  return (int)returned(result);
}

#define WHAT_TIMES 1000
INTERPOSED clock_t times(struct tms *buffer) {
  struct tms unused;
  if (!wrap_enter()) return real(times)(buffer);
  long result = read_usage(WHAT_TIMES, ask_times, buffer == 0 ? &unused : buffer, sizeof *buffer);
  wrap_leave();
  return returned(result);
}

/** Others run meanwhile. A replay does not sleep: what it waits for is the recording. */
static long sleep_for(int64_t ns, int64_t *left) {
  const struct north_record *record = recorded(NORTH_SLEEP, 0);
  long result;
  *left = 0;
  if (record != 0) {
    result = record->result;
    *left = record->detail * 1000ll;
    replay_taken(record);
    return result;
  }
  int64_t until = own(CLOCK_MONOTONIC) + ns;
  result = wait_ready(0, 0, ns, 0);
  if (result == -EINTR) *left = until - own(CLOCK_MONOTONIC);
  if (*left < 0) *left = 0;
  record_result(NORTH_SLEEP, 0, result, (uint32_t)(*left / 1000));
  return result;
}

INTERPOSED int nanosleep(const struct timespec *wanted, struct timespec *rest) {
  if (!wrap_enter()) return real(nanosleep)(wanted, rest);
  int64_t left;
  long result = sleep_for(wanted->tv_sec * NANOSECONDS + wanted->tv_nsec, &left);
  wrap_leave();
  if (rest != 0 && result != 0) *rest = (struct timespec){left / NANOSECONDS, left % NANOSECONDS};
  return (int)returned(result);
}

INTERPOSED int clock_nanosleep(clockid_t clock, int flags, const struct timespec *wanted, struct timespec *rest) {
  if (!wrap_enter()) return real(clock_nanosleep)(clock, flags, wanted, rest);
  int64_t ns = wanted->tv_sec * NANOSECONDS + wanted->tv_nsec, left;
  if ((flags & TIMER_ABSTIME) != 0) ns -= clock_shows(clock);
  long result = sleep_for(ns < 0 ? 0 : ns, &left);
  wrap_leave();
  if (rest != 0 && result != 0 && (flags & TIMER_ABSTIME) == 0)
    *rest = (struct timespec){left / NANOSECONDS, left % NANOSECONDS};
  return (int)-result;
}

INTERPOSED int usleep(__useconds_t us) {
  if (!wrap_enter()) return real(usleep)(us);
  int64_t left;
  long result = sleep_for(us * 1000ll, &left);
  wrap_leave();
  return (int)returned(result);
}

INTERPOSED unsigned sleep(unsigned seconds) {
  if (!wrap_enter()) return real(sleep)(seconds);
  int64_t left;
  sleep_for(seconds * NANOSECONDS, &left);
  wrap_leave();
  return (unsigned)((left + NANOSECONDS / 2) / NANOSECONDS);
}
