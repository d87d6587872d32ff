/* Waits with a deadline end when it has come or when they are told, on either clock. */
#include "program.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t full = PTHREAD_COND_INITIALIZER, empty;
static int queue, taken;

static void *producer(void *unused) {
  for (int i = 1; i <= 20; i++) {
    if (i % 4 == 0) pause_ms(2);
    pthread_mutex_lock(&mutex);
    while (queue != 0) pthread_cond_wait(&empty, &mutex);
    queue = i;
    pthread_cond_signal(&full);
    pthread_mutex_unlock(&mutex);
  }
  return unused;
}

static void nobody_comes(clockid_t clock, pthread_cond_t *condition) {
  struct timespec until = in_ms(clock, 20);
  pthread_mutex_lock(&mutex);
  int result = pthread_cond_timedwait(condition, &mutex, &until);
  pthread_mutex_unlock(&mutex);
  must(result == ETIMEDOUT && now_ms(clock) >= until.tv_sec * 1000ll + until.tv_nsec / 1000000);
  say("nobody came on clock %d", (int)clock);
}

int main(void) {
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&empty, &attributes);
  nobody_comes(CLOCK_REALTIME, &full);
  nobody_comes(CLOCK_MONOTONIC, &empty);
  pthread_t thread;
  must(pthread_create(&thread, 0, producer, 0) == 0);
  while (taken < 20) {
    struct timespec until = in_ms(CLOCK_REALTIME, 5000);
    pthread_mutex_lock(&mutex);
    while (queue == 0) must(pthread_cond_timedwait(&full, &mutex, &until) == 0);
    taken = queue;
    queue = 0;
    pthread_cond_broadcast(&empty);
    pthread_mutex_unlock(&mutex);
    say("took %d", taken);
  }
  pthread_join(thread, 0);
  nobody_comes(CLOCK_MONOTONIC, &empty);
  nobody_comes(CLOCK_REALTIME, &full);
  return 0;
}
