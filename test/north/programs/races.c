/* What threads do to each other without any lock is done again: the output is another one at each recording, and the same in its replay. */
#include "program.h"

static volatile uint32_t shared = 1;

static void *race(void *argument) {
  uint32_t mine = (uint32_t)(uintptr_t)argument;
  for (int i = 0; i < 4; i++) {
    for (int k = 0; k < 3; k++) {
      uint32_t before = shared;
      compute_ms(1);
      shared = before * 31 + mine;
    }
    say("thread %u, %d = %u", mine, i, shared);
  }
  return 0;
}

int main(void) {
  pthread_t threads[3];
  for (uintptr_t i = 0; i < 3; i++) must(pthread_create(&threads[i], 0, race, (void *)(i + 1)) == 0);
  for (int i = 0; i < 3; i++) pthread_join(threads[i], 0);
  say("in the end = %u", shared);
  return 0;
}
