/* Processes in a pid namespace of their own, whose numbers mean others outside, write as much as those outside, and are killed while they do. */
#define _GNU_SOURCE
#include <sched.h>
#include <sys/random.h>

#include "program.h"

#define ROUNDS 4
#define CALLS 2000

static void draw(int calls) {
  uint32_t drawn;
  for (int i = 0; i < calls; i++) must(getrandom(&drawn, sizeof drawn, 0) == sizeof drawn);
}

/** Its pid is 2 in there. */
static void inner(void) {
  pid_t child = fork();
  must(child >= 0);
  if (child == 0) {
    draw(20 * CALLS);
    for (;;) pause();
  }
  draw(CALLS);
  must(kill(child, SIGKILL) == 0);
  int status;
  must(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
  draw(CALLS);
  _exit(0);
}

int main(void) {
  for (int i = 0; i < ROUNDS; i++) {
    pid_t child = fork();
    must(child >= 0);
    if (child == 0) {
      must(unshare(CLONE_NEWPID) == 0);
      pid_t first = fork();
      must(first >= 0);
      if (first == 0) inner();
      draw(CALLS);
      ended_well(first);
      _exit(0);
    }
    draw(CALLS);
    ended_well(child);
    say("round %d", i);
  }
  return 0;
}
