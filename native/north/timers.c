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

/* Those that were set in a replay: how far the program's clock was ahead of the kernel's, by which they ring. */
#define DESCRIPTORS 65536
static struct set {
  bool known;
  int64_t ahead;
} of_descriptor[DESCRIPTORS], of_alarm;
static int descriptors;

/** 0 would stop a timer. */
#define SOON_NS 1000

static int64_t ns_of(struct timespec time) {
  return time.tv_sec * NANOSECONDS + time.tv_nsec;
}

static void note(struct set *set) {
  *set = (struct set){.known = phase == REPLAYING, .ahead = program_ahead()};
}

static void note_descriptor(int fd) {
  if (fd < 0 || fd >= DESCRIPTORS) return;
  if (fd >= descriptors) descriptors = fd + 1;
  note(&of_descriptor[fd]);
}

void timers_forked(void) {
  for (int fd = 0; fd < descriptors; fd++) of_descriptor[fd].known = false;
  of_alarm.known = false;
}

/** @param left as the kernel has it. @returns what is left by the program's clock */
static int64_t rest_of(const struct set *set, struct timespec left) {
  return ns_of(left) + set->ahead - program_ahead();
}

/**
 * The time has come that it was set for. One that rings often goes on.
 * @param left as the kernel has it, which it would have rung after
 * @returns whether it is to be stopped
 */
static bool has_come(const struct set *set, struct timespec left, struct timespec interval) {
  if (set->known) clocks_reached(program_now() + rest_of(set, left));
  return ns_of(interval) == 0;
}

void timer_has_rung(int fd) {
  struct itimerspec left, none = {{0, 0}, {0, 0}};
  if (fd < 0 || fd >= DESCRIPTORS || sys(SYS_timerfd_gettime, fd, &left) < 0) return;
  if (has_come(&of_descriptor[fd], left.it_value, left.it_interval)) sys(SYS_timerfd_settime, fd, 0, &none, 0);
}

/** The replay has not waited as long as the program. @returns what the kernel is to have */
static struct timespec left_at_end(const struct set *set, struct timespec left, struct timespec interval) {
  int64_t rest = rest_of(set, left), period = ns_of(interval);
  if (rest <= 0 && period > 0) rest = rest % period + period;
  if (rest < SOON_NS) rest = SOON_NS;
  return (struct timespec){rest / NANOSECONDS, rest % NANOSECONDS};
}

static void descriptor_goes_live(int fd) {
  struct itimerspec timer;
  if (!of_descriptor[fd].known || sys(SYS_timerfd_gettime, fd, &timer) < 0 || ns_of(timer.it_value) == 0) return;
  timer.it_value = left_at_end(&of_descriptor[fd], timer.it_value, timer.it_interval);
  sys(SYS_timerfd_settime, fd, 0, &timer, 0);
}

static void alarm_goes_live(void) {
  struct itimerval timer;
  if (!of_alarm.known || sys(SYS_getitimer, ITIMER_REAL, &timer) < 0) return;
  struct timespec left = {timer.it_value.tv_sec, timer.it_value.tv_usec * 1000};
  struct timespec interval = {timer.it_interval.tv_sec, timer.it_interval.tv_usec * 1000};
  if (ns_of(left) == 0) return;
  left = left_at_end(&of_alarm, left, interval);
  timer.it_value = (struct timeval){left.tv_sec, left.tv_nsec / 1000};
  sys(SYS_setitimer, ITIMER_REAL, &timer, 0);
}

void timers_go_live(void) {
  for (int fd = 0; fd < descriptors; fd++) descriptor_goes_live(fd);
  alarm_goes_live();
}

static void timer_has_signalled_by(int number) {
  struct itimerspec left, none = {{0, 0}, {0, 0}};
  if (sys(SYS_timer_gettime, number, &left) < 0 || ns_of(left.it_interval) != 0) return;
  sys(SYS_timer_settime, number, 0, &none, 0);
}

static void alarm_has_signalled(void) {
  struct itimerval left, none = {{0, 0}, {0, 0}};
  sys(SYS_getitimer, ITIMER_REAL, &left);
  struct timespec value = {left.it_value.tv_sec, left.it_value.tv_usec * 1000};
  struct timespec interval = {left.it_interval.tv_sec, left.it_interval.tv_usec * 1000};
  if (has_come(&of_alarm, value, interval)) sys(SYS_setitimer, ITIMER_REAL, &none, 0);
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
  note_descriptor(fd);
  return sys(SYS_timerfd_settime, fd, flags, &kernel, before);
}

/** The result is when it was asked, of the program's monotonic clock. */
static const struct north_record *recorded_timer(int32_t object) {
  const struct north_record *record = recorded(NORTH_CLOCK, object);
  if (record != 0 && record->result >= 0) clocks_reached(record->result);
  return record;
}

/** What is left of a timer is part of the recording. */
static long told(const struct north_record *record, int32_t object, long result, void *left, size_t size) {
  if (record != 0) {
    result = record->result < 0 ? record->result : 0;
    if (result == 0) __builtin_memcpy(left, payload_of(record), size);
    replay_taken(record);
  } else {
    record_bytes(NORTH_CLOCK, object, result < 0 ? result : program_now(), 0, left, size);
  }
  return result;
}

INTERPOSED int timerfd_settime(int fd, int flags, const struct itimerspec *wanted, struct itimerspec *before) {
  if (!wrap_enter()) return (int)returned(sys(SYS_timerfd_settime, fd, flags, wanted, before));
  struct itimerspec left = {{0, 0}, {0, 0}};
  const struct north_record *record = recorded_timer(TIMER(fd));
  long result = told(record, TIMER(fd), set_descriptor(fd, flags, wanted, &left), &left, sizeof left);
  wrap_leave();
  if (result == 0 && before != 0) *before = left;
  return (int)returned(result);
}

INTERPOSED int timerfd_gettime(int fd, struct itimerspec *left) {
  if (!wrap_enter()) return (int)returned(sys(SYS_timerfd_gettime, fd, left));
  const struct north_record *record = recorded_timer(TIMER(fd));
  long result = told(record, TIMER(fd), record != 0 ? 0 : sys(SYS_timerfd_gettime, fd, left), left, sizeof *left);
  wrap_leave();
  return (int)returned(result);
}

/* ---- by signal ---- */

static long set_interval(enum __itimer_which which, const struct itimerval *wanted, struct itimerval *before) {
  const struct north_record *record = recorded_timer(ALARM + (int)which);
  // What it has sent here before, it had not sent on the primary.
  if (record != 0 && which == ITIMER_REAL) signal_forget(SIGALRM, SI_KERNEL);
  if (which == ITIMER_REAL) note(&of_alarm);
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
  const struct north_record *record = recorded_timer(ALARM + (int)which);
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
