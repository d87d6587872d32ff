/* The shim asks no more stack of a thread than a small one has. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "program.h"

static const char *self;

static void *work(void *unused) {
  int ends[2];
  char bytes[16];
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  struct iovec parts[2] = {{bytes, 8}, {bytes + 8, 8}};
  must(writev(ends[0], parts, 2) == 16);
  struct pollfd ready = {ends[1], POLLIN, 0};
  must(poll(&ready, 1, 1000) == 1);
  fd_set set;
  FD_ZERO(&set);
  FD_SET(ends[1], &set);
  struct timeval limit = {1, 0};
  must(select(ends[1] + 1, &set, 0, 0, &limit) == 1);
  int epoll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN};
  must(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[1], &event) == 0 && epoll_wait(epoll, &event, 1, 1000) == 1);
  must(readv(ends[1], parts, 2) == 16);
  int random = open("/dev/urandom", O_RDONLY);
  must(read(random, bytes, sizeof bytes) == sizeof bytes);
  pid_t child = fork();
  if (child == 0) execl(self, self, "small", (char *)0);
  ended_well(child);
  return unused;
}

int main(int count, char **words) {
  self = words[0];
  if (count > 1) {
    say("started from a small stack");
    return 0;
  }
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  must(pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN + 4096) == 0);
  pthread_t thread;
  must(pthread_create(&thread, &attributes, work, 0) == 0 && pthread_join(thread, 0) == 0);
  say("it was enough");
  return 0;
}
