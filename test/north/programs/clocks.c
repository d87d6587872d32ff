/* Every clock goes on without a jump: never back, and never further than the program can have taken. */
#define _GNU_SOURCE
#include <sys/time.h>

#include "program.h"

static const clockid_t clocks[] = {CLOCK_MONOTONIC_COARSE, CLOCK_MONOTONIC, CLOCK_REALTIME_COARSE,   CLOCK_REALTIME,
                                   CLOCK_BOOTTIME,  CLOCK_MONOTONIC_RAW,    CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID};
#define CLOCKS (sizeof clocks / sizeof *clocks)
#define PATIENCE_NS 5000000000ll

int main(void) {
  int64_t last[CLOCKS] = {0};
  volatile unsigned work = 0;
  for (int round = 0; round < 12; round++) {
    for (size_t i = 0; i < CLOCKS; i++) {
      struct timespec now;
      must(clock_gettime(clocks[i], &now) == 0);
      int64_t ns = now.tv_sec * 1000000000ll + now.tv_nsec;
      if (round > 0) must(ns >= last[i] && ns - last[i] < PATIENCE_NS);
      last[i] = ns;
      say("%d: clock %d = %lld", round, (int)clocks[i], (long long)ns);
    }
    must(last[1] >= last[0] && last[3] >= last[2]);
    struct timeval day;
    must(gettimeofday(&day, 0) == 0 && day.tv_sec * 1000000ll + day.tv_usec >= last[3] / 1000);
    must(time(0) >= last[2] / 1000000000);
    for (int i = 0; i < 100000; i++) work += (unsigned)i;
    struct timespec moment = in_ms(CLOCK_MONOTONIC, 3);
    must(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &moment, 0) == 0);
    must(now_ms(CLOCK_MONOTONIC) >= moment.tv_sec * 1000ll + moment.tv_nsec / 1000000);
  }
  return 0;
}
