/* Threads come and go: joined late, detached, many one after the other, with destructors of their own; and the first one leaves before the rest. */
#define _GNU_SOURCE
#include "program.h"

static pthread_key_t key;
static volatile int destroyed;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void destroy(void *value) {
  (void)value;
  pthread_mutex_lock(&mutex);
  destroyed++;
  pthread_mutex_unlock(&mutex);
}

static void *twice(void *argument) {
  pthread_setspecific(key, argument);
  return (void *)(2 * (intptr_t)argument);
}

static void *leave(void *argument) {
  pause_ms((intptr_t)argument);
  pthread_exit(argument);
}

/** The one that is joined has ended; others take its place before the joiner runs. */
static void *replace(void *unused) {
  pthread_t next;
  for (int i = 0; i < 3; i++) {
    must(pthread_create(&next, 0, leave, (void *)3) == 0);
    must(pthread_detach(next) == 0);
    sched_yield();
  }
  return unused;
}

static void *last(void *first) {
  void *value = first;
  must(pthread_join(*(pthread_t *)first, &value) == 0 && value == (void *)7);
  say("the first thread has left");
  exit(0);
}

int main(void) {
  must(pthread_key_create(&key, destroy) == 0);
  pthread_t threads[8], other;
  for (intptr_t i = 0; i < 8; i++) must(pthread_create(&threads[i], 0, twice, (void *)(i + 1)) == 0);
  for (intptr_t i = 7; i >= 0; i--) {
    void *value;
    must(pthread_join(threads[i], &value) == 0);
    say("thread %d gives %d", (int)i, (int)(intptr_t)value);
  }
  must(destroyed == 8);
  for (intptr_t i = 0; i < 30; i++) {
    void *value;
    must(pthread_create(&other, 0, twice, (void *)(i + 1)) == 0);
    must(pthread_join(other, &value) == 0 && (intptr_t)value == 2 * (i + 1));
  }
  must(destroyed == 38);
  must(pthread_create(&threads[0], 0, leave, (void *)2) == 0 && pthread_create(&threads[1], 0, replace, 0) == 0);
  void *value;
  must(pthread_join(threads[0], &value) == 0 && value == (void *)2);
  must(pthread_join(threads[1], 0) == 0);
  must(pthread_create(&other, 0, leave, (void *)4) == 0);
  must(pthread_tryjoin_np(other, 0) == EBUSY);
  struct timespec until = in_ms(CLOCK_REALTIME, 5000);
  must(pthread_timedjoin_np(other, &value, &until) == 0 && value == (void *)4);
  say("all have come back");
  static pthread_t self;
  self = pthread_self();
  must(pthread_create(&other, 0, last, &self) == 0);
  pthread_exit((void *)7);
}
