/* syscall(2) in the program's own words: those calls that are interposed elsewhere. All others pass. */
#define _GNU_SOURCE
#include <dirent.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "clocks.h"
#include "files.h"
#include "processes.h"
#include "real.h"
#include "recording.h"
#include "signals.h"
#include "sys.h"
#include "token.h"

/** @returns the moment on the program's monotonic clock until which a futex waits, or -1. futex(2) */
static int64_t futex_deadline(int operation, const struct timespec *timeout) {
  if (timeout == 0) return -1;
  if ((operation & FUTEX_CMD_MASK) == FUTEX_WAIT) return program_now() + timeout->tv_sec * NANOSECONDS + timeout->tv_nsec;
  return monotonic_of((operation & FUTEX_CLOCK_REALTIME) != 0 ? CLOCK_REALTIME : CLOCK_MONOTONIC, timeout);
}

static long futex_wait_for(uint32_t *word, uint32_t value, int64_t deadline) {
  for (;;) {
    if (__atomic_load_n(word, __ATOMIC_SEQ_CST) != value) return -EAGAIN;
    enum waited waited = token_wait(word, deadline);
    if (waited == WAS_NAMED) return 0;
    if (waited == PASSED) return -ETIMEDOUT;
    if (!signal_restarts()) return -EINTR;
  }
}

/** A futex between threads is the token's business; one between processes passes. */
static long futex(uint32_t *word, int operation, uint32_t value, long fourth, uint32_t *second, uint32_t third) {
  const struct timespec *timeout = (const struct timespec *)fourth;
  switch (operation & FUTEX_CMD_MASK) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET:
      return futex_wait_for(word, value, futex_deadline(operation, timeout));
    case FUTEX_WAKE:
    case FUTEX_WAKE_BITSET:
      return token_wake(word, (int)value);
    case FUTEX_REQUEUE:
    case FUTEX_CMP_REQUEUE: {
      if ((operation & FUTEX_CMD_MASK) == FUTEX_CMP_REQUEUE && *word != third) return -EAGAIN;
      int woken = token_wake(word, (int)value);
      return woken + token_requeue(word, second, (int)fourth);
    }
    default:
      return sys(SYS_futex, word, operation, value, fourth, second, third);
  }
}

static bool is_fork(long flags, long stack) {
  return stack == 0 && (flags & (CLONE_VM | CLONE_THREAD)) == 0;
}

INTERPOSED long syscall(long number, ...) {
  va_list rest;
  va_start(rest, number);
  long a = va_arg(rest, long), b = va_arg(rest, long), c = va_arg(rest, long);
  long d = va_arg(rest, long), e = va_arg(rest, long), f = va_arg(rest, long);
  va_end(rest);
  long result;
  switch (number) {
    case SYS_clock_gettime:
      return clock_gettime((clockid_t)a, (struct timespec *)b);
    case SYS_gettimeofday:
      return gettimeofday((struct timeval *)a, (void *)b);
#ifdef SYS_time
    case SYS_time:
      return time((time_t *)a);
#endif
    case SYS_getrandom:
      return getrandom((void *)a, (size_t)b, (unsigned)c);
    case SYS_futex:
      if ((b & FUTEX_PRIVATE_FLAG) == 0 || !wrap_enter()) return returned(sys6(number, a, b, c, d, e, f));
      result = futex((uint32_t *)a, (int)b, (uint32_t)c, d, (uint32_t *)e, (uint32_t)f);
      wrap_leave();
      return returned(result);
    case SYS_clone:
      if (!is_fork(a, b) || !wrap_enter()) return returned(sys6(number, a, b, c, d, e, f));
      result = clone_process(a);
      wrap_leave();
      return returned(result);
    case SYS_openat2:
      return open_how((int)a, (const char *)b, (const struct open_how *)c, (size_t)d);
    case SYS_getdents64:
      return getdents64((int)a, (void *)b, (size_t)c);
    case SYS_statx:
      return statx((int)a, (const char *)b, (int)c, (unsigned)d, (struct statx *)e);
    case SYS_renameat2:
      return renameat2((int)a, (const char *)b, (int)c, (const char *)d, (unsigned)e);
    default:
      return returned(sys6(number, a, b, c, d, e, f));
  }
}
