/* What processes share: mutexes in common memory, of which one dies with its holder, and locks of files. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>

#include "program.h"

#define PROCESSES 3
#define ROUNDS 6

static struct {
  pthread_mutex_t mutex;
  volatile int count;
} *shared;

static void make_mutex(int robust) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  if (robust) pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  must(pthread_mutex_init(&shared->mutex, &attributes) == 0);
}

static void add_in_turn(int me, void (*take)(void), void (*leave)(void)) {
  for (int i = 0; i < ROUNDS; i++) {
    take();
    int before = shared->count;
    if (i % 2 == 0) pause_ms(1);
    shared->count = before + 1;
    say("turn %d = %d", shared->count, me);
    leave();
  }
}

static void take_mutex(void) {
  must(pthread_mutex_lock(&shared->mutex) == 0);
}

static void leave_mutex(void) {
  must(pthread_mutex_unlock(&shared->mutex) == 0);
}

static int file;
static char path[] = "/tmp/north-XXXXXX";

static void take_range(void) {
  struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
  must(fcntl(file, F_SETLKW, &range) == 0);
}

static void leave_range(void) {
  struct flock range = {.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_len = 1};
  must(fcntl(file, F_SETLK, &range) == 0);
}

static void take_file(void) {
  must(flock(file, LOCK_EX) == 0);
}

static void leave_file(void) {
  must(flock(file, LOCK_UN) == 0);
}

static void contend(const char *title, void (*take)(void), void (*leave)(void)) {
  pid_t children[PROCESSES];
  shared->count = 0;
  say("by %s", title);
  for (int i = 0; i < PROCESSES; i++) {
    children[i] = fork();
    must(children[i] >= 0);
    if (children[i] != 0) continue;
    file = open(path, O_RDWR);
    add_in_turn(i, take, leave);
    _exit(0);
  }
  for (int i = 0; i < PROCESSES; i++) ended_well(children[i]);
  must(shared->count == PROCESSES * ROUNDS);
}

static void holder_dies(void) {
  make_mutex(1);
  int ends[2];
  must(pipe(ends) == 0);
  pid_t child = fork();
  if (child == 0) {
    take_mutex();
    must(write(ends[1], "x", 1) == 1);
    pause();
  }
  char byte;
  must(read(ends[0], &byte, 1) == 1 && pthread_mutex_trylock(&shared->mutex) == EBUSY);
  must(kill(child, SIGKILL) == 0);
  must(pthread_mutex_lock(&shared->mutex) == EOWNERDEAD && pthread_mutex_consistent(&shared->mutex) == 0);
  leave_mutex();
  int status;
  must(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  take_mutex();
  leave_mutex();
  say("its holder has died");
}

int main(void) {
  shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  must(shared != MAP_FAILED);
  close(mkstemp(path));
  make_mutex(0);
  contend("mutex", take_mutex, leave_mutex);
  contend("fcntl", take_range, leave_range);
  contend("flock", take_file, leave_file);
  must(unlink(path) == 0);
  holder_dies();
  return 0;
}
