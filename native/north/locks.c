/*
 * Locks between threads. Only the thread that has the token runs, so whether a lock is free is a function of the grants, and needs no record:
 * what is not free is tried again when it was released. Locks between processes are in shared-locks.c.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>

#include "clocks.h"
#include "real.h"
#include "recording.h"
#include "shared-locks.h"
#include "signals.h"
#include "sys.h"
#include "token.h"

#define FOREVER (-1)

/* ---- mutex ---- */

static bool is_own(const pthread_mutex_t *mutex) {
  return mutex->__data.__owner == (int)sys(SYS_gettid);
}

static bool checks_errors(const pthread_mutex_t *mutex) {
  return (mutex->__data.__kind & 3) == PTHREAD_MUTEX_ERRORCHECK_NP;
}

static int lock_mutex(pthread_mutex_t *mutex, int64_t deadline) {
  if (is_shared_mutex(mutex)) return shared_mutex_lock(mutex, deadline);
  for (;;) {
    int result = real(pthread_mutex_trylock)(mutex);
    if (result != EBUSY) return result;
    if (checks_errors(mutex) && is_own(mutex)) return EDEADLK;
    // A thread that is not recorded: that it was in the way is no part of the recording either.
    if (mutex->__data.__owner != 0 && !token_has(mutex->__data.__owner)) return real(pthread_mutex_lock)(mutex);
    if (token_wait(mutex, deadline) == PASSED) {
      result = real(pthread_mutex_trylock)(mutex);
      return result == EBUSY ? ETIMEDOUT : result;
    }
  }
}

static int unlock_mutex(pthread_mutex_t *mutex) {
  if (is_shared_mutex(mutex)) return shared_mutex_unlock(mutex);
  int result = real(pthread_mutex_unlock)(mutex);
  if (result == 0) token_wake(mutex, 1);
  return result;
}

INTERPOSED int pthread_mutex_lock(pthread_mutex_t *mutex) {
  if (!wrap_enter()) return real(pthread_mutex_lock)(mutex);
  int result = lock_mutex(mutex, FOREVER);
  wrap_leave();
  return result;
}

INTERPOSED int pthread_mutex_trylock(pthread_mutex_t *mutex) {
  if (!wrap_enter()) return real(pthread_mutex_trylock)(mutex);
  int result = is_shared_mutex(mutex) ? shared_mutex_trylock(mutex) : real(pthread_mutex_trylock)(mutex);
  wrap_leave();
  return result;
}

INTERPOSED int pthread_mutex_timedlock(pthread_mutex_t *restrict mutex, const struct timespec *restrict until) {
  if (!wrap_enter()) return real(pthread_mutex_timedlock)(mutex, until);
  int result = lock_mutex(mutex, monotonic_of(CLOCK_REALTIME, until));
  wrap_leave();
  return result;
}

INTERPOSED int pthread_mutex_clocklock(pthread_mutex_t *restrict mutex, clockid_t clock, const struct timespec *restrict until) {
  if (!wrap_enter()) return real(pthread_mutex_clocklock)(mutex, clock, until);
  int result = lock_mutex(mutex, monotonic_of(clock, until));
  wrap_leave();
  return result;
}

INTERPOSED int pthread_mutex_unlock(pthread_mutex_t *mutex) {
  if (!wrap_enter()) return real(pthread_mutex_unlock)(mutex);
  int result = unlock_mutex(mutex);
  wrap_leave();
  return result;
}

/* ---- condition ---- */

/** glibc keeps the clock of a condition in its flags. nptl/pthread_cond_wait.c */
static clockid_t clock_of(const pthread_cond_t *condition) {
  return (condition->__data.__wrefs & 2) != 0 ? CLOCK_MONOTONIC : CLOCK_REALTIME;
}

static int await_condition(pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t deadline) {
  int result = unlock_mutex(mutex);
  if (result != 0) return result;
  // Nobody else runs between the two: the token is still here. After a handler others may have: then it is a wake-up for nothing, which POSIX allows.
  enum waited waited = token_wait(condition, deadline);
  result = lock_mutex(mutex, FOREVER);
  return result != 0 ? result : waited == PASSED ? ETIMEDOUT : 0;
}

INTERPOSED int pthread_cond_wait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex) {
  if (!wrap_enter()) return real(pthread_cond_wait)(condition, mutex);
  int result = await_condition(condition, mutex, FOREVER);
  wrap_leave();
  return result;
}

INTERPOSED int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                                      const struct timespec *restrict until) {
  if (!wrap_enter()) return real(pthread_cond_timedwait)(condition, mutex, until);
  int result = await_condition(condition, mutex, monotonic_of(clock_of(condition), until));
  wrap_leave();
  return result;
}

INTERPOSED int pthread_cond_clockwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex, clockid_t clock,
                                      const struct timespec *restrict until) {
  if (!wrap_enter()) return real(pthread_cond_clockwait)(condition, mutex, clock, until);
  int result = await_condition(condition, mutex, monotonic_of(clock, until));
  wrap_leave();
  return result;
}

INTERPOSED int pthread_cond_signal(pthread_cond_t *condition) {
  if (!wrap_enter()) return real(pthread_cond_signal)(condition);
  token_wake(condition, 1);
  wrap_leave();
  return 0;
}

INTERPOSED int pthread_cond_broadcast(pthread_cond_t *condition) {
  if (!wrap_enter()) return real(pthread_cond_broadcast)(condition);
  token_wake(condition, INT_MAX);
  wrap_leave();
  return 0;
}

/* ---- read-write lock ---- */

typedef int try_lock(pthread_rwlock_t *);

static int lock_rw(pthread_rwlock_t *lock, try_lock *attempt, int64_t deadline) {
  for (;;) {
    int result = attempt(lock);
    if (result != EBUSY) return result;
    if (token_wait(lock, deadline) == PASSED) {
      result = attempt(lock);
      return result == EBUSY ? ETIMEDOUT : result;
    }
  }
}

INTERPOSED int pthread_rwlock_rdlock(pthread_rwlock_t *lock) {
  if (!wrap_enter()) return real(pthread_rwlock_rdlock)(lock);
  int result = lock_rw(lock, real(pthread_rwlock_tryrdlock), FOREVER);
  wrap_leave();
  return result;
}

INTERPOSED int pthread_rwlock_wrlock(pthread_rwlock_t *lock) {
  if (!wrap_enter()) return real(pthread_rwlock_wrlock)(lock);
  int result = lock_rw(lock, real(pthread_rwlock_trywrlock), FOREVER);
  wrap_leave();
  return result;
}

INTERPOSED int pthread_rwlock_timedrdlock(pthread_rwlock_t *restrict lock, const struct timespec *restrict until) {
  if (!wrap_enter()) return real(pthread_rwlock_timedrdlock)(lock, until);
  int result = lock_rw(lock, real(pthread_rwlock_tryrdlock), monotonic_of(CLOCK_REALTIME, until));
  wrap_leave();
  return result;
}

INTERPOSED int pthread_rwlock_timedwrlock(pthread_rwlock_t *restrict lock, const struct timespec *restrict until) {
  if (!wrap_enter()) return real(pthread_rwlock_timedwrlock)(lock, until);
  int result = lock_rw(lock, real(pthread_rwlock_trywrlock), monotonic_of(CLOCK_REALTIME, until));
  wrap_leave();
  return result;
}

INTERPOSED int pthread_rwlock_clockrdlock(pthread_rwlock_t *restrict lock, clockid_t clock, const struct timespec *restrict until) {
  if (!wrap_enter()) return real(pthread_rwlock_clockrdlock)(lock, clock, until);
  int result = lock_rw(lock, real(pthread_rwlock_tryrdlock), monotonic_of(clock, until));
  wrap_leave();
  return result;
}

INTERPOSED int pthread_rwlock_clockwrlock(pthread_rwlock_t *restrict lock, clockid_t clock, const struct timespec *restrict until) {
  if (!wrap_enter()) return real(pthread_rwlock_clockwrlock)(lock, clock, until);
  int result = lock_rw(lock, real(pthread_rwlock_trywrlock), monotonic_of(clock, until));
  wrap_leave();
  return result;
}

INTERPOSED int pthread_rwlock_unlock(pthread_rwlock_t *lock) {
  if (!wrap_enter()) return real(pthread_rwlock_unlock)(lock);
  int result = real(pthread_rwlock_unlock)(lock);
  token_wake(lock, INT_MAX);
  wrap_leave();
  return result;
}

/* ---- semaphore ---- */

static int await_semaphore(sem_t *semaphore, int64_t deadline) {
  for (;;) {
    if (real(sem_trywait)(semaphore) == 0) return 0;
    if (errno != EAGAIN) return -1;
    enum waited waited = token_wait(semaphore, deadline);
    if (waited == WAS_NAMED || (waited == INTERRUPTED && signal_restarts())) continue;
    if (real(sem_trywait)(semaphore) == 0) return 0;
    return (int)returned(waited == INTERRUPTED ? -EINTR : -ETIMEDOUT);
  }
}

INTERPOSED int sem_wait(sem_t *semaphore) {
  if (!wrap_enter()) return real(sem_wait)(semaphore);
  int result = await_semaphore(semaphore, FOREVER);
  wrap_leave();
  return result;
}

INTERPOSED int sem_trywait(sem_t *semaphore) {
  if (!wrap_enter()) return real(sem_trywait)(semaphore);
  int result = real(sem_trywait)(semaphore);
  wrap_leave();
  return result;
}

INTERPOSED int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict until) {
  if (!wrap_enter()) return real(sem_timedwait)(semaphore, until);
  int result = await_semaphore(semaphore, monotonic_of(CLOCK_REALTIME, until));
  wrap_leave();
  return result;
}

INTERPOSED int sem_clockwait(sem_t *restrict semaphore, clockid_t clock, const struct timespec *restrict until) {
  if (!wrap_enter()) return real(sem_clockwait)(semaphore, clock, until);
  int result = await_semaphore(semaphore, monotonic_of(clock, until));
  wrap_leave();
  return result;
}

INTERPOSED int sem_post(sem_t *semaphore) {
  if (!wrap_enter()) return real(sem_post)(semaphore);
  int result = real(sem_post)(semaphore);
  token_wake(semaphore, 1);
  wrap_leave();
  return result;
}

/* ---- once, barrier, spinlock ---- */

/* As glibc has them, so that a fork and what was done before the shim was there are understood. nptl/pthread_once.c */
enum { ONCE_RUNNING = 1, ONCE_DONE = 2 };

INTERPOSED int pthread_once(pthread_once_t *once, void (*routine)(void)) {
  if (__atomic_load_n(once, __ATOMIC_ACQUIRE) == ONCE_DONE || !wrap_enter()) return real(pthread_once)(once, routine);
  while (*once == ONCE_RUNNING) token_wait(once, FOREVER);
  if (*once != ONCE_DONE) {
    *once = ONCE_RUNNING;
    inside = false;
    routine();
    inside = true;
    __atomic_store_n(once, ONCE_DONE, __ATOMIC_RELEASE);
    token_wake(once, INT_MAX);
  }
  wrap_leave();
  return 0;
}

INTERPOSED int pthread_barrier_wait(pthread_barrier_t *barrier) {
  if (!wrap_enter()) return real(pthread_barrier_wait)(barrier);
  // The fields of glibc's, used in a way of ours: how many have come, and in which round. nptl/pthread_barrier_init.c
  uint32_t *in = (uint32_t *)barrier, *round = in + 1, count = in[2];
  int result = PTHREAD_BARRIER_SERIAL_THREAD;
  if (++*in == count) {
    *in = 0;
    ++*round;
    token_wake(barrier, INT_MAX);
  } else {
    for (uint32_t mine = *round; *round == mine;) token_wait(barrier, FOREVER);
    result = 0;
  }
  wrap_leave();
  return result;
}

INTERPOSED int pthread_spin_lock(pthread_spinlock_t *lock) {
  if (!wrap_enter()) return real(pthread_spin_lock)(lock);
  int result;
  while ((result = real(pthread_spin_trylock)(lock)) == EBUSY) token_wait((const void *)lock, FOREVER);
  wrap_leave();
  return result;
}

INTERPOSED int pthread_spin_unlock(pthread_spinlock_t *lock) {
  if (!wrap_enter()) return real(pthread_spin_unlock)(lock);
  int result = real(pthread_spin_unlock)(lock);
  token_wake((const void *)lock, 1);
  wrap_leave();
  return result;
}
