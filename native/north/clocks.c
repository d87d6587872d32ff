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
 * In a replay time is what the recording says, and stands still in between: `replayed`. After it a clock shows what it would on the primary. How far
 * that one's was ahead of this host's own is known in two ways, of which the larger counts: what was recorded was the time a moment ago, or long ago
 * where the replay is of a cold backup; and since real time is the same for both hosts, the monotonic clock is as far from it as it was on the primary.
 */
struct known {
  int64_t ahead; /* of this host's own: the largest amount by which it was */
  int64_t shown; /* the largest value that the program has seen */
  bool known;
  bool placed; /* it is recorded how far it is from the program's monotonic clock: */
  int64_t from_monotonic;
};
static struct known clocks[CLOCKS];
static _Thread_local struct known of_thread __attribute__((tls_model("initial-exec")));

/** A wait whose time has passed still hears what comes as the process goes live, of timers too. */
#define MOMENT_NS 1000000

/** Another distance from the monotonic clock is worth recording. */
#define APART_NS 1000000

static bool live; /* after a replay */

/** Of a replay: what the program's monotonic clock has shown at least, where the recording has come to. */
static int64_t replayed;

/** Of the call that this thread is in. */
static _Thread_local struct {
  int64_t since; /* of the program's monotonic clock */
  bool in_replay, dated;
} this_wait __attribute__((tls_model("initial-exec")));

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

/** A coarse clock shares what is known of its fine one. */
static clockid_t fine(clockid_t clock) {
  if (clock == CLOCK_REALTIME_COARSE) return CLOCK_REALTIME;
  return clock == CLOCK_MONOTONIC_COARSE ? CLOCK_MONOTONIC : clock;
}

/** One that the program has not read yet goes with another that it may have. */
static const struct known *basis_of(clockid_t clock) {
  switch (clock) {
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_BOOTTIME:
      return clocks[clock].known ? &clocks[clock] : &clocks[CLOCK_MONOTONIC];
    case CLOCK_TAI:
      return clocks[clock].known ? &clocks[clock] : &clocks[CLOCK_REALTIME];
    default:
      return state_of(fine(clock));
  }
}

static bool counts_time_of_host(clockid_t clock) {
  return clock >= 0 && clock < CLOCKS && clock != CLOCK_PROCESS_CPUTIME_ID && clock != CLOCK_THREAD_CPUTIME_ID;
}

static void at_least(struct known *state, int64_t ahead) {
  if (!state->known || ahead > state->ahead) state->ahead = ahead;
  state->known = true;
}

static void place(clockid_t clock, int64_t from_monotonic) {
  clocks[clock].placed = true;
  clocks[clock].from_monotonic = from_monotonic;
}

/** In a replay; of a clock that the program has not read this host's. */
static int64_t from_monotonic(clockid_t clock) {
  clockid_t basis = fine(clock);
  if (basis == CLOCK_MONOTONIC) return 0;
  return clocks[basis].placed ? clocks[basis].from_monotonic : own(clock) - own(CLOCK_MONOTONIC);
}

void clocks_go_live(void) {
  int64_t monotonic = own(CLOCK_MONOTONIC);
  const struct known *real_time = &clocks[CLOCK_REALTIME];
  if (real_time->placed) at_least(&clocks[CLOCK_MONOTONIC], own(CLOCK_REALTIME) - real_time->from_monotonic - monotonic);
  monotonic += clocks[CLOCK_MONOTONIC].ahead;
  for (clockid_t clock = 0; clock < CLOCKS; clock++)
    if (clocks[clock].placed) at_least(&clocks[clock], monotonic + clocks[clock].from_monotonic - own(clock));
  live = true;
}

void clocks_forked(void) {
  clocks[CLOCK_PROCESS_CPUTIME_ID] = (struct known){.known = false};
  of_thread = (struct known){.known = false};
}

int64_t program_now(void) {
  return phase == REPLAYING ? replayed : own(CLOCK_MONOTONIC) + clocks[CLOCK_MONOTONIC].ahead;
}

int64_t program_ahead(void) {
  return program_now() - own(CLOCK_MONOTONIC);
}

int64_t clock_shows(clockid_t clock) {
  int64_t value = own(clock);
  struct known *state = state_of(clock);
  if (value < 0 || state == 0) return value;
  if (phase == REPLAYING && counts_time_of_host(clock)) return replayed + from_monotonic(clock);
  const struct known *basis = basis_of(clock);
  // The time of day is not behind that of this host, however late it went live.
  if (basis->known && !(live && basis == &clocks[CLOCK_REALTIME] && basis->ahead < 0)) value += basis->ahead;
  if (!live) return value;
  if (value < state->shown) value = state->shown;
  state->shown = value;
  return value;
}

void clocks_reached(int64_t moment) {
  if (moment > replayed) replayed = moment;
  at_least(&clocks[CLOCK_MONOTONIC], moment - own(CLOCK_MONOTONIC));
}

static void learn(clockid_t clock, int64_t value) {
  struct known *state = state_of(clock);
  if (state == 0) return;
  if (value > state->shown) state->shown = value;
  if (fine(clock) == CLOCK_MONOTONIC) clocks_reached(value);
  else at_least(state_of(fine(clock)), value - own(clock));
}

/* No clock of the program's. */
#define WHAT_START (-1)

void clocks_at_start(void) {
  const struct north_record *record = recorded(NORTH_CLOCK, WHAT_START);
  int64_t monotonic, real_time;
  if (record != 0) {
    monotonic = record->result;
    __builtin_memcpy(&real_time, payload_of(record), sizeof real_time);
    replay_taken(record);
    clocks_reached(monotonic);
  } else {
    monotonic = clock_shows(CLOCK_MONOTONIC);
    real_time = clock_shows(CLOCK_REALTIME);
    record_bytes(NORTH_CLOCK, WHAT_START, monotonic, 0, &real_time, sizeof real_time);
  }
  place(CLOCK_REALTIME, real_time - monotonic);
}

void wait_may_begin(void) {
  this_wait.in_replay = phase == REPLAYING;
  this_wait.dated = false;
  if (this_wait.in_replay) this_wait.since = replayed;
}

void wait_has_begun(int64_t moment) {
  clocks_reached(moment);
  if (!this_wait.dated) this_wait.since = moment;
  this_wait.dated = true;
}

int64_t wait_until(int64_t ns) {
  return (this_wait.in_replay ? this_wait.since : program_now()) + ns;
}

int64_t wait_left(int64_t ns) {
  if (!this_wait.in_replay || ns <= 0) return ns;
  int64_t left = wait_until(ns) - program_now();
  return left > MOMENT_NS ? left : MOMENT_NS;
}

void wait_has_passed(int64_t ns) {
  if (ns > 0) clocks_reached(wait_until(ns));
}

int64_t monotonic_of(clockid_t clock, const struct timespec *when) {
  int64_t left = when->tv_sec * NANOSECONDS + when->tv_nsec - clock_shows(clock);
  return program_now() + left;
}

/** Clocks are set, and drift: a value with which the distance from the monotonic one is another has that one's with it. */
static void record_clock(clockid_t clock, int64_t value) {
  clockid_t basis = fine(clock);
  if (value >= 0 && counts_time_of_host(clock) && basis != CLOCK_MONOTONIC) {
    int64_t of_basis = clock == basis ? value : clock_shows(basis), monotonic = program_now();
    int64_t moved = of_basis - monotonic - clocks[basis].from_monotonic;
    if (!clocks[basis].placed || moved > APART_NS || moved < -APART_NS) {
      int64_t both[2] = {of_basis, monotonic};
      place(basis, of_basis - monotonic);
      record_bytes(NORTH_CLOCK, clock, value, 0, both, sizeof both);
      return;
    }
  }
  record_result(NORTH_CLOCK, clock, value, 0);
}

/** @returns ns, or -errno */
static int64_t read_clock(clockid_t clock) {
  const struct north_record *record = recorded(NORTH_CLOCK, clock);
  int64_t value, both[2];
  if (record != 0) {
    value = record->result;
    if (payload_length(record) == sizeof both) {
      __builtin_memcpy(both, payload_of(record), sizeof both);
      place(fine(clock), both[0] - both[1]);
      clocks_reached(both[1]);
    }
    replay_taken(record);
    if (value >= 0) learn(clock, value);
  } else {
    value = clock_shows(clock);
    record_clock(clock, value);
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

/** Others run meanwhile. A replay does not sleep: what it waits for is the recording. @param when of the program's monotonic clock, or ns from now */
static long sleep_until(bool is_moment, int64_t when, int64_t *left) {
  const struct north_record *record = recorded(NORTH_SLEEP, 0);
  int64_t until = is_moment ? when : wait_until(when);
  long result;
  *left = 0;
  if (record != 0) {
    result = record->result;
    *left = record->detail * 1000ll;
    replay_taken(record);
    if (result == 0) clocks_reached(until);
    return result;
  }
  int64_t ns = until - program_now();
  result = wait_ready(0, 0, ns > 0 ? ns : 0, 0);
  if (result == -EINTR) *left = until - program_now();
  if (*left < 0) *left = 0;
  record_result(NORTH_SLEEP, 0, result, (uint32_t)(*left / 1000));
  return result;
}

static long sleep_for(int64_t ns, int64_t *left) {
  return sleep_until(false, ns, left);
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
  bool is_moment = (flags & TIMER_ABSTIME) != 0;
  int64_t left;
  long result = sleep_until(is_moment, is_moment ? monotonic_of(clock, wanted) : wanted->tv_sec * NANOSECONDS + wanted->tv_nsec, &left);
  wrap_leave();
  if (rest != 0 && result != 0 && !is_moment)
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
