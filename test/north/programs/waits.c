/* Threads that wait at the same time: when all have waited, the clocks have gone on by that time, once. */
#define _GNU_SOURCE
#include <poll.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include "program.h"

#define THREADS 48
#define ROUNDS 3
#define APART_MS_MAX 10000
#define WAIT_MS 300
/* A moment on one clock is known on another to about a millisecond. */
#define ROUNDING_MS 20

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static sem_t nothing;

static void wait_by(int way) {
  struct timespec until = in_ms(CLOCK_REALTIME, WAIT_MS);
  struct timeval limit = {0, WAIT_MS * 1000};
  struct epoll_event event;
  int set;
  switch (way) {
    case 0:
      pause_ms(WAIT_MS);
      break;
    case 1:
      must(poll(0, 0, WAIT_MS) == 0);
      break;
    case 2:
      must(select(0, 0, 0, 0, &limit) == 0);
      break;
    case 3:
      must((set = epoll_create1(0)) >= 0 && epoll_wait(set, &event, 1, WAIT_MS) == 0 && close(set) == 0);
      break;
    case 4:
      pthread_mutex_lock(&mutex);
      must(pthread_cond_timedwait(&never, &mutex, &until) == ETIMEDOUT);
      pthread_mutex_unlock(&mutex);
      break;
    default:
      must(sem_timedwait(&nothing, &until) == -1 && errno == ETIMEDOUT);
  }
}

static void *waiter(void *way) {
  for (int round = 0; round < ROUNDS; round++) {
    int64_t start = now_ms(CLOCK_MONOTONIC);
    wait_by((int)(intptr_t)way % 6);
    must(now_ms(CLOCK_MONOTONIC) >= start + WAIT_MS - ROUNDING_MS);
  }
  return 0;
}

int main(void) {
  pthread_t threads[THREADS];
  must(sem_init(&nothing, 0, 0) == 0);
  int64_t apart = now_ms(CLOCK_MONOTONIC) - now_ms(CLOCK_REALTIME);
  for (intptr_t i = 0; i < THREADS; i++) must(pthread_create(&threads[i], 0, waiter, (void *)i) == 0);
  say("all wait");
  for (int i = 0; i < THREADS; i++) must(pthread_join(threads[i], 0) == 0);
  say("all have waited");
  int64_t time_of_day = now_ms(CLOCK_REALTIME), now_apart = now_ms(CLOCK_MONOTONIC) - time_of_day;
  must(now_apart - apart < APART_MS_MAX && apart - now_apart < APART_MS_MAX);
  say("time of day = %lld", (long long)time_of_day);
  return 0;
}
