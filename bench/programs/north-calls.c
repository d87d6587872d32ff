/*
 * What calls cost that the shim (native/north) stands before: each kind many times in a row, in batches with a pause between them in which the
 * ring is drained, so that nobody waits for room in it. One thread, and nothing else to wait for. Prints a line of each kind: name, nanoseconds.
 * Usage: north-calls BATCHES FOLDER (for a file)
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Their records fit into the ring several times. */
#define CALLS 2000
#define PAUSE_NS 4000000
#define MESSAGE 64

#define must(condition)                                                                                          \
  do {                                                                                                           \
    if (!(condition)) {                                                                                          \
      dprintf(2, "%s:%d: not so: %s (%s)\n", __FILE__, __LINE__, #condition, strerror(errno));                   \
      _exit(1);                                                                                                  \
    }                                                                                                            \
  } while (0)

static int pair[2], ready, file;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char bytes[MESSAGE];

static void the_clock(void) {
  struct timespec now;
  must(clock_gettime(CLOCK_REALTIME, &now) == 0);
}

static void some_random_bytes(void) { must(getrandom(bytes, 16, 0) == 16); }

static void a_message(void) {
  must(write(pair[0], bytes, MESSAGE) == MESSAGE);
  must(read(pair[1], bytes, MESSAGE) == MESSAGE);
}

static void who_is_ready(void) {
  struct epoll_event event;
  must(epoll_wait(ready, &event, 1, 0) == 1);
}

static void a_status(void) {
  struct stat status;
  must(stat("file", &status) == 0);
}

static void a_piece_of_a_file(void) { must(pread(file, bytes, MESSAGE, 0) == MESSAGE); }

static void a_file(void) {
  int fd = open("file", O_RDONLY);
  must(fd >= 0);
  must(close(fd) == 0);
}

static void a_lock(void) {
  must(pthread_mutex_lock(&mutex) == 0);
  must(pthread_mutex_unlock(&mutex) == 0);
}

static const struct kind {
  const char *name;
  void (*call)(void);
} kinds[] = {
  {"clock_gettime", the_clock},
  {"getrandom", some_random_bytes},
  {"write-read", a_message},
  {"epoll_wait", who_is_ready},
  {"stat", a_status},
  {"pread", a_piece_of_a_file},
  {"open-close", a_file},
  {"lock-unlock", a_lock},
};

static int64_t now_ns(void) {
  struct timespec now;
  must(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
  return now.tv_sec * 1000000000ll + now.tv_nsec;
}

static int ascending(const void *one, const void *other) {
  int64_t difference = *(const int64_t *)one - *(const int64_t *)other;
  return difference < 0 ? -1 : difference > 0;
}

/* Of the middle batch: others may have been interrupted. */
static double ns_each(const struct kind *kind, int batches) {
  int64_t took[batches];
  for (int batch = -1; batch < batches; batch++) {
    nanosleep(&(struct timespec){0, PAUSE_NS}, NULL);
    int64_t since = now_ns();
    for (int i = 0; i < CALLS; i++) kind->call();
    if (batch >= 0) took[batch] = now_ns() - since;
  }
  qsort(took, (size_t)batches, sizeof *took, ascending);
  return (double)took[batches / 2] / CALLS;
}

int main(int argc, char **argv) {
  must(argc == 3 && atoi(argv[1]) > 0);
  must(chdir(argv[2]) == 0);
  file = open("file", O_RDWR | O_CREAT | O_TRUNC, 0600);
  must(write(file, bytes, MESSAGE) == MESSAGE);
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  int other[2];
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, other) == 0 && write(other[0], bytes, 1) == 1);
  ready = epoll_create1(0);
  must(epoll_ctl(ready, EPOLL_CTL_ADD, other[1], &(struct epoll_event){.events = EPOLLIN}) == 0);
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    double ns = ns_each(&kinds[i], atoi(argv[1]));
    char line[80];
    int length = snprintf(line, sizeof line, "%s %.1f\n", kinds[i].name, ns);
    must(write(1, line, (size_t)length) == length);
  }
}
