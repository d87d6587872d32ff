/*
 * What the programs have in common. A line comes out whole and is written at once; what stands behind " = " may be another value where the program
 * has gone live. A program that finds something wrong says so and fails.
 */
#ifndef TEST_NORTH_PROGRAM_H
#define TEST_NORTH_PROGRAM_H

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define must(condition)                                                                                          \
  do {                                                                                                           \
    if (!(condition)) {                                                                                          \
      dprintf(2, "%s:%d: not so: %s (%s)\n", __FILE__, __LINE__, #condition, strerror(errno));                   \
      _exit(1);                                                                                                  \
    }                                                                                                            \
  } while (0)

__attribute__((format(printf, 1, 2))) static inline void say(const char *format, ...) {
  char line[512];
  va_list rest;
  va_start(rest, format);
  int length = vsnprintf(line, sizeof line - 1, format, rest);
  va_end(rest);
  line[length++] = '\n';
  must(write(1, line, (size_t)length) == length);
}

static inline int64_t now_ms(clockid_t clock) {
  struct timespec now;
  must(clock_gettime(clock, &now) == 0);
  return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

static inline struct timespec in_ms(clockid_t clock, int64_t ms) {
  int64_t at = now_ms(clock) + ms;
  return (struct timespec){at / 1000, at % 1000 * 1000000};
}

static inline void pause_ms(int64_t ms) {
  struct timespec left = {ms / 1000, ms % 1000 * 1000000};
  while (nanosleep(&left, &left) != 0 && errno == EINTR) continue;
}

/** So that threads are interrupted by the end of their slice. */
static inline void compute_ms(int64_t ms) {
  for (int64_t until = now_ms(CLOCK_MONOTONIC) + ms; now_ms(CLOCK_MONOTONIC) < until;)
    for (volatile int i = 0; i < 20000; i++) continue;
}

static inline void ended_well(pid_t child) {
  int status;
  must(waitpid(child, &status, 0) == child);
  must(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

#endif
