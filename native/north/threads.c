/* Threads: created in one order over all processes, for they take pids too, and known by their index. */
#define _GNU_SOURCE
#include <limits.h>
#include <pthread.h>
#include <sys/mman.h>

#include "clocks.h"
#include "real.h"
#include "recording.h"
#include "signals.h"
#include "sys.h"
#include "token.h"

struct beginning {
  void *(*routine)(void *);
  void *argument;
  struct thread *thread;
  uint64_t mask;
};

/* One place for each thread, for its end comes with the last of its destructors. */
#define PLACES 4096
static struct {
  pthread_t handle;
  bool used, ended;
  struct beginning beginning;
} places[PLACES];

static pthread_key_t end_key;
static pthread_once_t end_key_once = PTHREAD_ONCE_INIT;

/** Destructors run in rounds; the token is let go in the last one. pthread_key_create(3) */
static void destroyed(void *rounds) {
  uintptr_t left = (uintptr_t)rounds - 1;
  if (left > 0) {
    pthread_setspecific(end_key, (void *)left);
    return;
  }
  inside = true;
  uint32_t index = token_thread();
  places[index].ended = true;
  token_wake(&places[index], INT_MAX);
  token_thread_ends();
}

/** By the first thread, as it makes the second one: it may leave before the rest, too. */
static void make_end_key(void) {
  pthread_key_create(&end_key, destroyed);
  pthread_setspecific(end_key, (void *)(uintptr_t)PTHREAD_DESTRUCTOR_ITERATIONS);
}

static void *begin(void *argument) {
  struct beginning beginning = *(struct beginning *)argument;
  inside = true;
  token_thread_begins(beginning.thread);
  signals_let_go(beginning.mask);
  pthread_setspecific(end_key, (void *)(uintptr_t)PTHREAD_DESTRUCTOR_ITERATIONS);
  inside = false;
  return beginning.routine(beginning.argument);
}

INTERPOSED int pthread_create(pthread_t *restrict handle, const pthread_attr_t *restrict attributes, void *(*routine)(void *),
                              void *restrict argument) {
  if (!wrap_enter()) return real(pthread_create)(handle, attributes, routine, argument);
  real(pthread_once)(&end_key_once, make_end_key);
  const struct north_record *record = recorded(NORTH_THREAD, -1);
  order_begin(record);
  struct thread *thread = token_new_thread();
  int result = EAGAIN;
  if (thread != 0) {
    uint32_t index = token_index(thread);
    places[index].used = true;
    places[index].ended = false;
    uint64_t mask = signals_hold();
    places[index].beginning = (struct beginning){routine, argument, thread, mask};
    result = real(pthread_create)(&places[index].handle, attributes, begin, &places[index].beginning);
    if (result == 0) *handle = places[index].handle;
    else token_forget(thread);
    signals_let_go(mask);
  }
  order_end(record, NORTH_THREAD, -1, result);
  wrap_leave();
  return result;
}

/** Whether there is a place for it still: those of threads that have ended are given to others. */
static bool has_place(uint32_t place, pthread_t handle) {
  return places[place].used && pthread_equal(places[place].handle, handle);
}

/** @returns its place, or -1: nobody of ours, or it has ended long ago. */
static int64_t place_of(pthread_t handle) {
  for (uint32_t i = 0; i < PLACES; i++)
    if (has_place(i, handle)) return i;
  return -1;
}

static int join(pthread_t handle, void **value, int64_t deadline) {
  int64_t place = place_of(handle);
  if (place >= 0) {
    while (has_place((uint32_t)place, handle) && !places[place].ended)
      if (token_wait(&places[place], deadline) == PASSED && !places[place].ended) return ETIMEDOUT;
    if (has_place((uint32_t)place, handle)) places[place].used = false;
  }
  return real(pthread_join)(handle, value);
}

INTERPOSED int pthread_join(pthread_t handle, void **value) {
  if (!wrap_enter()) return real(pthread_join)(handle, value);
  int result = join(handle, value, -1);
  wrap_leave();
  return result;
}

INTERPOSED int pthread_clockjoin_np(pthread_t handle, void **value, clockid_t clock, const struct timespec *until) {
  if (!wrap_enter()) return real(pthread_clockjoin_np)(handle, value, clock, until);
  int result = join(handle, value, monotonic_of(clock, until));
  wrap_leave();
  return result;
}

INTERPOSED int pthread_timedjoin_np(pthread_t handle, void **value, const struct timespec *until) {
  return pthread_clockjoin_np(handle, value, CLOCK_REALTIME, until);
}

INTERPOSED int pthread_tryjoin_np(pthread_t handle, void **value) {
  if (!wrap_enter()) return real(pthread_tryjoin_np)(handle, value);
  int64_t place = place_of(handle);
  int result = place >= 0 && !places[place].ended ? EBUSY : join(handle, value, -1);
  wrap_leave();
  return result;
}

INTERPOSED int sched_yield(void) {
  if (!wrap_enter()) return (int)returned(sys(SYS_sched_yield));
  token_yield();
  wrap_leave();
  return 0;
}
