#define _GNU_SOURCE
#include "timers.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "clocks.h"
#include "real.h"
#include "recording.h"
#include "signals.h"
#include "sys.h"

/** The object of a CLOCK record: no clock has such a number. */
#define TIMER(fd) (0x10000 + (fd))
enum interval_timer { ALARM = 0x8000 };

/**
 * The time has come that it was set for. One that rings often goes on.
 * @param left as the kernel has it, which it would have rung after
 * @returns whether it is to be stopped
 */
static bool has_come(const struct timespec *left, const struct timespec *interval) {
  struct timespec now;
  real(clock_gettime)(CLOCK_MONOTONIC, &now);
  clocks_skip((now.tv_sec + left->tv_sec) * NANOSECONDS + now.tv_nsec + left->tv_nsec);
  return interval->tv_sec == 0 && interval->tv_nsec == 0;
}

void timer_has_rung(int fd) {
  struct itimerspec left, none = {{0, 0}, {0, 0}};
  if (sys(SYS_timerfd_gettime, fd, &left) < 0 || !has_come(&left.it_value, &left.it_interval)) return;
  sys(SYS_timerfd_settime, fd, 0, &none, 0);
}

static void timer_has_signalled_by(int number) {
  struct itimerspec left, none = {{0, 0}, {0, 0}};
  if (sys(SYS_timer_gettime, number, &left) < 0 || !has_come(&left.it_value, &left.it_interval)) return;
  sys(SYS_timer_settime, number, 0, &none, 0);
}

static void alarm_has_signalled(void) {
  struct itimerval left, none = {{0, 0}, {0, 0}};
  sys(SYS_getitimer, ITIMER_REAL, &left);
  struct timespec value = {left.it_value.tv_sec, left.it_value.tv_usec * 1000};
  struct timespec interval = {left.it_interval.tv_sec, left.it_interval.tv_usec * 1000};
  if (has_come(&value, &interval)) sys(SYS_setitimer, ITIMER_REAL, &none, 0);
}

void timer_has_signalled(const siginfo_t *info) {
  if (info->si_code == SI_TIMER) timer_has_signalled_by(info->si_timerid);
  else if (info->si_signo == SIGALRM && info->si_code == SI_KERNEL) alarm_has_signalled();
}

/* ---- timerfd ---- */

/** @returns -1: it is no timer. proc(5), fdinfo */
static clockid_t clock_of(int fd) {
  char path[48] = "/proc/self/fdinfo/", text[512];
  char *end = path + strlen(path), digits[12];
  int count = 0;
  for (unsigned rest = (unsigned)fd; count == 0 || rest > 0; rest /= 10) digits[count++] = (char)('0' + rest % 10);
  while (count > 0) *end++ = digits[--count];
  *end = 0;
  long file = sys(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  long length = file < 0 ? 0 : sys(SYS_read, file, text, sizeof text - 1);
  if (file >= 0) sys(SYS_close, file);
  if (length <= 0) return -1;
  text[length] = 0;
  const char *at = strstr(text, "clockid: ");
  return at == 0 ? -1 : (clockid_t)strtol(at + strlen("clockid: "), 0, 10);
}

/** A moment of the program's clock, which this host's own one may not show then. */
static void make_relative(int fd, int *flags, struct itimerspec *wanted) {
  clockid_t clock = clock_of(fd);
  int64_t at = wanted->it_value.tv_sec * NANOSECONDS + wanted->it_value.tv_nsec;
  if (clock < 0 || at <= 0) return;
  int64_t left = at - clock_shows(clock);
  if (left < 1) left = 1;
  wanted->it_value = (struct timespec){left / NANOSECONDS, left % NANOSECONDS};
  *flags &= ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET);
}

static long set_descriptor(int fd, int flags, const struct itimerspec *wanted, struct itimerspec *before) {
  struct itimerspec kernel = *wanted;
  if (north->mode == NORTH_REPLAY && (flags & TFD_TIMER_ABSTIME) != 0) make_relative(fd, &flags, &kernel);
  return sys(SYS_timerfd_settime, fd, flags, &kernel, before);
}

/** What is left of a timer is part of the recording. */
static long told(const struct north_record *record, int32_t object, long result, void *left, size_t size) {
  if (record != 0) {
    result = record->result;
    if (result >= 0) __builtin_memcpy(left, payload_of(record), size);
    replay_taken(record);
  } else {
    record_bytes(NORTH_CLOCK, object, result, 0, left, size);
  }
  return result;
}

INTERPOSED int timerfd_settime(int fd, int flags, const struct itimerspec *wanted, struct itimerspec *before) {
  if (!wrap_enter()) return (int)returned(sys(SYS_timerfd_settime, fd, flags, wanted, before));
  struct itimerspec left = {{0, 0}, {0, 0}};
  const struct north_record *record = recorded(NORTH_CLOCK, TIMER(fd));
  long result = told(record, TIMER(fd), set_descriptor(fd, flags, wanted, &left), &left, sizeof left);
  wrap_leave();
  if (result == 0 && before != 0) *before = left;
  return (int)returned(result);
}

INTERPOSED int timerfd_gettime(int fd, struct itimerspec *left) {
  if (!wrap_enter()) return (int)returned(sys(SYS_timerfd_gettime, fd, left));
  const struct north_record *record = recorded(NORTH_CLOCK, TIMER(fd));
  long result = told(record, TIMER(fd), record != 0 ? 0 : sys(SYS_timerfd_gettime, fd, left), left, sizeof *left);
  wrap_leave();
  return (int)returned(result);
}

/* ---- by signal ---- */

static long set_interval(enum __itimer_which which, const struct itimerval *wanted, struct itimerval *before) {
  const struct north_record *record = recorded(NORTH_CLOCK, ALARM + (int)which);
  // What it has sent here before, it had not sent on the primary.
  if (record != 0 && which == ITIMER_REAL) signal_forget(SIGALRM, SI_KERNEL);
  return told(record, ALARM + (int)which, sys(SYS_setitimer, which, wanted, before), before, sizeof *before);
}

INTERPOSED int setitimer(enum __itimer_which which, const struct itimerval *restrict wanted, struct itimerval *restrict before) {
  if (!wrap_enter()) return (int)returned(sys(SYS_setitimer, which, wanted, before));
  struct itimerval left = {{0, 0}, {0, 0}};
  long result = set_interval(which, wanted, &left);
  wrap_leave();
  if (result == 0 && before != 0) *before = left;
  return (int)returned(result);
}

INTERPOSED int getitimer(enum __itimer_which which, struct itimerval *left) {
  if (!wrap_enter()) return (int)returned(sys(SYS_getitimer, which, left));
  const struct north_record *record = recorded(NORTH_CLOCK, ALARM + (int)which);
  long result = told(record, ALARM + (int)which, record != 0 ? 0 : sys(SYS_getitimer, which, left), left, sizeof *left);
  wrap_leave();
  return (int)returned(result);
}

/** @returns seconds that were left, but not 0 if there were any. alarm(3p) */
INTERPOSED unsigned alarm(unsigned seconds) {
  struct itimerval wanted = {{0, 0}, {seconds, 0}}, left;
  if (setitimer(ITIMER_REAL, &wanted, &left) < 0) return 0;
  bool rounds_up = left.it_value.tv_usec >= 500000 || (left.it_value.tv_sec == 0 && left.it_value.tv_usec > 0);
  return (unsigned)left.it_value.tv_sec + rounds_up;
}

INTERPOSED __useconds_t ualarm(__useconds_t value, __useconds_t interval) {
  struct itimerval wanted = {{interval / 1000000, interval % 1000000}, {value / 1000000, value % 1000000}}, left;
  if (setitimer(ITIMER_REAL, &wanted, &left) < 0) return (__useconds_t)-1;
  return (__useconds_t)(left.it_value.tv_sec * 1000000 + left.it_value.tv_usec);
}
