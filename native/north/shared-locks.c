#define _GNU_SOURCE
#include "shared-locks.h"

#include "clocks.h"
#include "real.h"
#include "recording.h"
#include "sys.h"
#include "token.h"

/* glibc's mark in a mutex's kind. nptl/pthreadP.h, PTHREAD_MUTEX_PSHARED_BIT */
#define SHARED_BIT 128

bool is_shared_mutex(const pthread_mutex_t *mutex) {
  return (mutex->__data.__kind & SHARED_BIT) != 0;
}

static int take(pthread_mutex_t *mutex, int64_t deadline) {
  if (deadline < 0) return real(pthread_mutex_lock)(mutex);
  int64_t here = deadline - program_ahead();
  struct timespec until = {here / NANOSECONDS, here % NANOSECONDS};
  return real(pthread_mutex_clocklock)(mutex, CLOCK_MONOTONIC, &until);
}

int shared_mutex_lock(pthread_mutex_t *mutex, int64_t deadline) {
  const struct north_record *record = recorded(NORTH_LOCK, 0);
  order_begin(record);
  int result;
  if (record != 0) {
    // Who had it before has let it go: that comes earlier in the order.
    result = record->result == -ETIMEDOUT ? ETIMEDOUT : real(pthread_mutex_lock)(mutex);
    if (result == ETIMEDOUT) clocks_reached(deadline);
    if (result != -record->result) diverged(record, NORTH_LOCK, -result, "a lock between processes");
  } else {
    result = real(pthread_mutex_trylock)(mutex);
    if (result == EBUSY) {
      lock_leave();
      token_release();
      result = take(mutex, deadline);
      token_acquire();
      order_begin(0);
    }
  }
  order_end(record, NORTH_LOCK, 0, -result);
  return result;
}

int shared_mutex_trylock(pthread_mutex_t *mutex) {
  const struct north_record *record = recorded(NORTH_LOCK, 1);
  order_begin(record);
  int result = record != 0 && record->result == -EBUSY ? EBUSY : real(pthread_mutex_trylock)(mutex);
  if (record != 0 && result != -record->result) diverged(record, NORTH_LOCK, -result, "a lock between processes");
  order_end(record, NORTH_LOCK, 1, -result);
  return result;
}

int shared_mutex_unlock(pthread_mutex_t *mutex) {
  const struct north_record *record = recorded(NORTH_LOCK, 2);
  order_begin(record);
  int result = real(pthread_mutex_unlock)(mutex);
  order_end(record, NORTH_LOCK, 2, -result);
  return result;
}
