/* Acts on its own address, which is another one on each replica: what it does next cannot be what was recorded. */
#include <sys/random.h>

#include "program.h"

static void *look(void *unused) {
  char byte;
  uintptr_t address = (uintptr_t)&byte;
  say("before");
  // A number of calls that nobody has recorded.
  for (unsigned i = 0; i < (address >> 12) % 1024; i++) now_ms(CLOCK_MONOTONIC);
  must(getrandom(&byte, 1, 0) == 1);
  return unused;
}

int main(void) {
  pthread_t thread;
  must(pthread_create(&thread, 0, look, 0) == 0 && pthread_join(thread, 0) == 0);
  return 0;
}
