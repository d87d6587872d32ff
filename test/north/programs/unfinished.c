/* Waits that are not over where the recording ends go on for what is left of their time, and no longer. */
#define _GNU_SOURCE
#include <poll.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/timerfd.h>

#include "program.h"

#define WAIT_S 5
#define WAIT_MS (WAIT_S * 1000)
/* In all, longer than the waits by what threads are kept apart by a busy machine. */
#define STEP_MS 50
#define STEPS 160
/* A moment on one clock is known on another to about a millisecond. */
#define ROUNDING_MS 100

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static sem_t nothing;
static volatile sig_atomic_t rung;
static volatile bool outlasted;

static void ring(int signal) {
  (void)signal;
  rung = 1;
}

static void by_sleep(void) {
  pause_ms(WAIT_MS);
}

static void by_poll(void) {
  must(poll(0, 0, WAIT_MS) == 0);
}

static void by_select(void) {
  struct timeval limit = {WAIT_S, 0};
  must(select(0, 0, 0, 0, &limit) == 0);
}

static void by_epoll(void) {
  struct epoll_event event;
  int set = epoll_create1(0);
  must(set >= 0 && epoll_wait(set, &event, 1, WAIT_MS) == 0);
}

static void by_condition(void) {
  struct timespec until = in_ms(CLOCK_REALTIME, WAIT_MS);
  pthread_mutex_lock(&mutex);
  must(pthread_cond_timedwait(&never, &mutex, &until) == ETIMEDOUT);
  pthread_mutex_unlock(&mutex);
}

static void by_semaphore(void) {
  struct timespec until = in_ms(CLOCK_MONOTONIC, WAIT_MS);
  must(sem_clockwait(&nothing, CLOCK_MONOTONIC, &until) == -1 && errno == ETIMEDOUT);
}

static void by_signal(void) {
  struct timespec limit = {WAIT_S, 0};
  sigset_t user;
  sigemptyset(&user);
  sigaddset(&user, SIGUSR1);
  must(sigtimedwait(&user, 0, &limit) == -1 && errno == EAGAIN);
}

static void by_timer(void) {
  int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  struct itimerspec once = {{0, 0}, {WAIT_S, 0}};
  struct pollfd ready = {timer, POLLIN, 0};
  uint64_t times;
  must(timer >= 0 && timerfd_settime(timer, 0, &once, 0) == 0);
  do must(poll(&ready, 1, -1) == 1);
  while (read(timer, &times, sizeof times) == -1 && errno == EAGAIN);
  must(times == 1);
}

static void (*const ways[])(void) = {by_sleep, by_poll, by_select, by_epoll, by_condition, by_semaphore, by_signal, by_timer};
#define WAYS (sizeof ways / sizeof *ways)

static void *waiter(void *way) {
  int64_t start = now_ms(CLOCK_MONOTONIC);
  ways[(intptr_t)way]();
  int64_t took = now_ms(CLOCK_MONOTONIC) - start;
  if (took < WAIT_MS - ROUNDING_MS) say("way %d took %lld ms", (int)(intptr_t)way, (long long)took);
  return 0;
}

/* Begins nothing anew where the recording ends, whatever becomes of the waits: those that do outlast it. */
static void *yardstick(void *unused) {
  for (int i = 0; i < STEPS; i++) pause_ms(STEP_MS);
  outlasted = true;
  return unused;
}

int main(void) {
  struct sigaction action = {.sa_handler = ring, .sa_flags = SA_RESTART};
  pthread_t threads[WAYS], measure;
  must(sem_init(&nothing, 0, 0) == 0 && sigaction(SIGALRM, &action, 0) == 0);
  must(alarm(WAIT_S) == 0);
  for (size_t i = 0; i < WAYS; i++) must(pthread_create(&threads[i], 0, waiter, (void *)i) == 0);
  must(pthread_create(&measure, 0, yardstick, 0) == 0);
  pause_ms(1000);
  say("all wait");
  for (size_t i = 0; i < WAYS; i++) must(pthread_join(threads[i], 0) == 0);
  while (rung == 0) must(poll(0, 0, WAIT_MS) == 0 || errno == EINTR);
  say("all have waited%s", outlasted ? " for too long" : "");
  return 0;
}
