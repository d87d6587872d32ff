/* Processes that are killed by another one have done before what they did. */
#include "program.h"

static pid_t talker(int number, int into) {
  pid_t child = fork();
  if (child != 0) return child;
  for (int i = 0; i < 5; i++) say("process %d: %d", number, i);
  must(write(into, "x", 1) == 1);
  for (;;) pause();
}

static volatile sig_atomic_t heard;

static void hear(int signal) {
  heard = signal;
}

int main(void) {
  int ends[2];
  must(pipe(ends) == 0);
  const int signals[] = {SIGKILL, SIGTERM, SIGSEGV};
  for (int i = 0; i < 3; i++) {
    char byte;
    pid_t child = talker(i, ends[1]);
    must(read(ends[0], &byte, 1) == 1 && kill(child, 0) == 0 && kill(child, signals[i]) == 0);
    int status;
    must(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == signals[i]);
    must(kill(child, 0) == -1 && errno == ESRCH);
    say("killed by %d", signals[i]);
  }
  struct sigaction action = {.sa_handler = hear};
  must(sigaction(SIGUSR1, &action, 0) == 0 && sigaction(SIGUSR2, &action, 0) == 0 && sigaction(SIGHUP, &action, 0) == 0);
  // Whoever signals itself has heard it when the call returns.
  must(raise(SIGUSR1) == 0 && heard == SIGUSR1);
  must(kill(getpid(), SIGUSR2) == 0 && heard == SIGUSR2);
  must(pthread_kill(pthread_self(), SIGHUP) == 0 && heard == SIGHUP);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  must(sigprocmask(SIG_BLOCK, &set, 0) == 0 && raise(SIGUSR1) == 0 && heard == SIGHUP);
  must(sigprocmask(SIG_UNBLOCK, &set, 0) == 0 && heard == SIGUSR1);
  say("heard");
  return 0;
}
