/* A handler runs in the thread that the signal is for, once, and a call that it interrupts goes on or does not, as the program wants it. */
#define _GNU_SOURCE
#include <poll.h>
#include <semaphore.h>
#include <setjmp.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include "program.h"

static volatile sig_atomic_t count, in_thread;
static pthread_t main_thread;

static void note(int signal) {
  (void)signal;
  count++;
  in_thread = pthread_equal(pthread_self(), main_thread);
}

static void handle(int signal, int flags) {
  struct sigaction action = {.sa_handler = note, .sa_flags = flags};
  must(sigaction(signal, &action, 0) == 0);
}

/** A child that sends the signal after a while, and then writes a byte. */
static pid_t later(int signal, int into) {
  pid_t parent = getpid(), child = fork();
  if (child != 0) return child;
  pause_ms(10);
  kill(parent, signal);
  pause_ms(10);
  if (into >= 0) must(write(into, "x", 1) == 1);
  _exit(0);
}

static void interrupted_calls(void) {
  int ends[2];
  char byte;
  must(pipe(ends) == 0);
  handle(SIGUSR1, 0);
  pid_t child = later(SIGUSR1, -1);
  must(poll(0, 0, 5000) == -1 && errno == EINTR && count == 1);
  ended_well(child);
  child = later(SIGUSR1, -1);
  struct timespec long_time = {5, 0}, left;
  must(nanosleep(&long_time, &left) == -1 && errno == EINTR && count == 2 && left.tv_sec == 4);
  ended_well(child);
  child = later(SIGUSR1, -1);
  must(read(ends[0], &byte, 1) == -1 && errno == EINTR && count == 3);
  ended_well(child);
  int set = epoll_create1(0);
  struct epoll_event event;
  child = later(SIGUSR1, -1);
  must(epoll_wait(set, &event, 1, 5000) == -1 && errno == EINTR && count == 4);
  ended_well(child);
  handle(SIGUSR1, SA_RESTART);
  child = later(SIGUSR1, ends[1]);
  must(read(ends[0], &byte, 1) == 1 && byte == 'x' && count == 5);
  ended_well(child);
  child = later(SIGUSR1, -1);
  siginfo_t info;
  must(waitid(P_PID, (id_t)child, &info, WEXITED) == 0 && count == 6);
  say("calls are interrupted");
}

static volatile bool interrupted;

static void *wait_in_thread(void *ends) {
  char byte;
  sem_t *ready = (sem_t *)ends;
  must(sem_post(ready) == 0);
  handle(SIGUSR2, 0);
  int result = (int)read(((int *)(ready + 1))[0], &byte, 1);
  must(result == -1 && errno == EINTR && !in_thread);
  interrupted = true;
  say("the thread's own call was interrupted");
  return 0;
}

static void directed(void) {
  static struct {
    sem_t ready;
    int ends[2];
  } shared;
  sem_init(&shared.ready, 0, 0);
  must(pipe(shared.ends) == 0);
  handle(SIGUSR2, 0);
  count = 0;
  pthread_t thread;
  must(pthread_create(&thread, 0, wait_in_thread, &shared) == 0);
  sem_wait(&shared.ready);
  // Until it is in its call. This thread goes on with calls; it is not the one that the signal is for.
  while (!interrupted) {
    must(pthread_kill(thread, SIGUSR2) == 0);
    for (int i = 0; i < 20; i++) now_ms(CLOCK_MONOTONIC);
    pause_ms(3);
  }
  must(pthread_join(thread, 0) == 0 && count > 0);
}

static sem_t never;

static void waits_for_threads(void) {
  sem_init(&never, 0, 0);
  handle(SIGUSR1, 0);
  count = 0;
  pid_t child = later(SIGUSR1, -1);
  must(sem_wait(&never) == -1 && errno == EINTR && count == 1);
  ended_well(child);
  say("a wait for other threads is interrupted");
}

static void waited_for(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGRTMIN);
  pthread_sigmask(SIG_BLOCK, &set, 0);
  pid_t child = later(SIGUSR1, -1);
  int signal;
  must(sigwait(&set, &signal) == 0 && signal == SIGUSR1);
  ended_well(child);
  for (int i = 0; i < 3; i++) must(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = i}) == 0);
  for (int i = 0; i < 3; i++) {
    siginfo_t info;
    must(sigwaitinfo(&set, &info) == SIGRTMIN && info.si_value.sival_int == i);
  }
  struct timespec moment = {0, 5000000};
  must(sigtimedwait(&set, 0, &moment) == -1 && errno == EAGAIN);
  handle(SIGUSR2, SA_RESTART);
  count = 0;
  child = later(SIGUSR2, -1);
  must(sigwaitinfo(&set, 0) == -1 && errno == EINTR && count == 1);
  ended_well(child);
  pthread_sigmask(SIG_UNBLOCK, &set, 0);
  say("signals are waited for");
}

static sigjmp_buf back;

static void jump(int signal) {
  siglongjmp(back, signal);
}

static void jumps(void) {
  struct sigaction action = {.sa_handler = jump};
  must(sigaction(SIGUSR1, &action, 0) == 0);
  for (int i = 0; i < 3; i++) {
    pid_t child = later(SIGUSR1, -1);
    if (sigsetjmp(back, 1) == 0) {
      for (;;) poll(0, 0, 1000);
    }
    ended_well(child);
    // Still wrapped, in either way: this is recorded.
    struct timespec now;
    must(clock_gettime(CLOCK_REALTIME, &now) == 0);
    say("back at = %lld", (long long)now.tv_nsec);
  }
}

static volatile sig_atomic_t values[4], queued;

static void note_value(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)context;
  if (queued < 4) values[queued] = info->si_value.sival_int;
  queued++;
}

static void queues(void) {
  struct sigaction action = {.sa_sigaction = note_value, .sa_flags = SA_SIGINFO};
  must(sigaction(SIGRTMIN + 1, &action, 0) == 0);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN + 1);
  sigprocmask(SIG_BLOCK, &set, 0);
  for (int i = 0; i < 4; i++) must(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = i}) == 0);
  must(queued == 0);
  sigprocmask(SIG_UNBLOCK, &set, 0);
  must(queued == 4);
  for (int i = 0; i < 4; i++) must(values[i] == i);
  say("queued signals are all there");
}

int main(void) {
  main_thread = pthread_self();
  interrupted_calls();
  directed();
  waits_for_threads();
  waited_for();
  jumps();
  queues();
  return 0;
}
