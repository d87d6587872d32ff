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
 * for both hosts, the monotonic clock is as far from it as it was at the program's start.
 */
struct known {
  int64_t ahead; /* of this host's own: the largest amount by which it was */
  int64_t shown; /* the largest value that the program has seen */
  bool known;
};
static struct known clocks[CLOCKS];
static _Thread_local struct known of_thread __attribute__((tls_model("initial-exec")));

static bool live; /* after a replay */

/** Of the host that was recorded: how far its monotonic clock was ahead of its real time. */
static struct known monotonic_from_real;

static int64_t own(clockid_t clock) {
  struct timespec now;
  if (real(clock_gettime)(clock, &now) != 0) return -errno;
  return now.tv_sec * NANOSECONDS + now.tv_nsec;
}

/** @returns 0: nothing is known of it, ever */
static struct known *state_of(clockid_t clock) {
  if (clock == CLOCK_THREAD_CPUTIME_ID) return &of_thread;
  return clock >= 0 && clock < CLOCKS ? &clocks[clock] : 0;
}

/** A coarse clock shares what is known of its fine one. One that the program has not read yet goes with another that it may have. */
static const struct known *basis_of(clockid_t clock) {
  switch (clock) {
    case CLOCK_REALTIME_COARSE:
      return &clocks[CLOCK_REALTIME];
    case CLOCK_MONOTONIC_COARSE:
      return &clocks[CLOCK_MONOTONIC];
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_BOOTTIME:
      return clocks[clock].known ? &clocks[clock] : &clocks[CLOCK_MONOTONIC];
    case CLOCK_TAI:
      return clocks[clock].known ? &clocks[clock] : &clocks[CLOCK_REALTIME];
    default:
      return state_of(clock);
  }
}

static void at_least(struct known *state, int64_t ahead) {
  if (!state->known || ahead > state->ahead) state->ahead = ahead;
  state->known = true;
}

void clocks_go_live(void) {
  int64_t own_from_real = own(CLOCK_MONOTONIC) - own(CLOCK_REALTIME);
  if (monotonic_from_real.known) at_least(&clocks[CLOCK_MONOTONIC], monotonic_from_real.ahead - own_from_real);
  live = true;
}

void clocks_forked(void) {
  clocks[CLOCK_PROCESS_CPUTIME_ID] = (struct known){.known = false};
  of_thread = (struct known){.known = false};
}

int64_t clock_shows(clockid_t clock) {
  int64_t value = own(clock);
  struct known *state = state_of(clock);
  if (value < 0 || state == 0) return value;
  const struct known *basis = basis_of(clock);
  // The time of day is not behind that of this host, however late it went live.
  if (basis->known && !(live && basis == &clocks[CLOCK_REALTIME] && basis->ahead < 0)) value += basis->ahead;
  // In a replay it is asked for a deadline, and shown to nobody.
  if (!live) return value;
  if (value < state->shown) value = state->shown;
  state->shown = value;
  return value;
}

static void learn(clockid_t clock, int64_t value) {
  struct known *state = state_of(clock);
  if (state == 0) return;
  if (value > state->shown) state->shown = value;
  if (clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE) state = (struct known *)basis_of(clock);
  at_least(state, value - own(clock));
}

/* No clock of the program's. */
#define WHAT_START (-1)

void clocks_at_start(void) {
  const struct north_record *record = recorded(NORTH_CLOCK, WHAT_START);
  if (record != 0) {
    at_least(&monotonic_from_real, record->result);
    replay_taken(record);
  } else {
    record_result(NORTH_CLOCK, WHAT_START, clock_shows(CLOCK_MONOTONIC) - clock_shows(CLOCK_REALTIME), 0);
  }
}

void clocks_skip(int64_t until) {
  int64_t ns = until - own(CLOCK_MONOTONIC);
  for (int i = 0; ns > 0 && i < CLOCKS; i++)
    if (clocks[i].known && i != CLOCK_PROCESS_CPUTIME_ID) clocks[i].ahead += ns;
}

int64_t wait_deadline(int64_t ns) {
  return phase == REPLAYING && ns > 0 ? own(CLOCK_MONOTONIC) + ns : 0;
}

int64_t wait_left(int64_t deadline, int64_t ns) {
  if (deadline == 0) return ns;
  int64_t left = deadline - own(CLOCK_MONOTONIC);
  return left > 0 ? left : 0;
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

/** Others run meanwhile. A replay does not sleep: what it waits for is the recording. @param until of this host's monotonic clock */
static long sleep_until(int64_t until, int64_t *left) {
  const struct north_record *record = recorded(NORTH_SLEEP, 0);
  long result;
  *left = 0;
  if (record != 0) {
    result = record->result;
    *left = record->detail * 1000ll;
    replay_taken(record);
    if (result == 0) clocks_skip(until);
    return result;
  }
  int64_t ns = until - own(CLOCK_MONOTONIC);
  result = wait_ready(0, 0, ns > 0 ? ns : 0, 0);
  if (result == -EINTR) *left = until - own(CLOCK_MONOTONIC);
  if (*left < 0) *left = 0;
  record_result(NORTH_SLEEP, 0, result, (uint32_t)(*left / 1000));
  return result;
}

static long sleep_for(int64_t ns, int64_t *left) {
  return sleep_until(own(CLOCK_MONOTONIC) + ns, left);
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
  long result = sleep_until((flags & TIMER_ABSTIME) != 0 ? monotonic_of(clock, wanted) : own(CLOCK_MONOTONIC) + ns, &left);
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
