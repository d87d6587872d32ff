/* A timer rings once, whenever the program goes live. */
#define _GNU_SOURCE
#include <poll.h>
#include <sys/time.h>
#include <sys/timerfd.h>

#include "program.h"

static volatile sig_atomic_t rung;

static void ring(int signal) {
  (void)signal;
  rung++;
}

static void once_by_signal(void) {
  struct itimerval soon = {{0, 0}, {0, 30000}}, none = {{0, 0}, {0, 0}}, left;
  rung = 0;
  must(setitimer(ITIMER_REAL, &soon, 0) == 0);
  while (rung == 0) pause();
  say("rung");
  must(getitimer(ITIMER_REAL, &left) == 0 && left.it_value.tv_sec == 0 && left.it_value.tv_usec == 0);
  pause_ms(60);
  must(rung == 1);
  soon.it_value.tv_usec = 20000;
  must(setitimer(ITIMER_REAL, &soon, 0) == 0 && setitimer(ITIMER_REAL, &none, &left) == 0);
  must(left.it_value.tv_usec > 0);
  pause_ms(40);
  must(rung == 1 && alarm(100) == 0 && alarm(0) == 100);
  say("not rung again");
}

static void many_by_signal(void) {
  struct itimerval often = {{0, 4000}, {0, 4000}}, none = {{0, 0}, {0, 0}};
  rung = 0;
  must(setitimer(ITIMER_REAL, &often, 0) == 0);
  while (rung < 5) poll(0, 0, 1000);
  must(setitimer(ITIMER_REAL, &none, 0) == 0);
  int had = rung;
  pause_ms(10);
  must(rung == had);
  say("rung often");
}

/** That it is ready may have been said by the primary's kernel, while this one's timer takes a little longer. */
static uint64_t rings(int timer) {
  struct pollfd ready = {timer, POLLIN, 0};
  uint64_t times = 0;
  do must(poll(&ready, 1, 5000) == 1);
  while (read(timer, &times, sizeof times) == -1 && errno == EAGAIN);
  return times;
}

static void by_descriptor(clockid_t clock, int flags) {
  int timer = timerfd_create(clock, TFD_NONBLOCK);
  must(timer >= 0);
  struct itimerspec soon = {{0, 0}, {0, 30000000}}, left;
  if (flags != 0) soon.it_value = in_ms(clock, 30);
  must(timerfd_settime(timer, flags, &soon, 0) == 0);
  struct pollfd ready = {timer, POLLIN, 0};
  uint64_t times;
  must(rings(timer) == 1);
  if (flags != 0) must(now_ms(clock) >= soon.it_value.tv_sec * 1000ll + soon.it_value.tv_nsec / 1000000);
  say("clock %d, flags %d: rung", (int)clock, flags);
  must(timerfd_gettime(timer, &left) == 0 && left.it_value.tv_sec == 0 && left.it_value.tv_nsec == 0);
  must(poll(&ready, 1, 60) == 0 && read(timer, &times, sizeof times) == -1 && errno == EAGAIN);
  struct itimerspec often = {{0, 5000000}, {0, 5000000}};
  must(timerfd_settime(timer, 0, &often, 0) == 0);
  for (uint64_t all = 0; all < 4; all += times) {
    times = rings(timer);
    must(times > 0 && times < 1000);
  }
  close(timer);
  say("rung often");
}

int main(void) {
  struct sigaction action = {.sa_handler = ring};
  must(sigaction(SIGALRM, &action, 0) == 0);
  once_by_signal();
  many_by_signal();
  by_descriptor(CLOCK_MONOTONIC, 0);
  by_descriptor(CLOCK_MONOTONIC, TFD_TIMER_ABSTIME);
  by_descriptor(CLOCK_REALTIME, TFD_TIMER_ABSTIME);
  return 0;
}
