/* Sets of descriptors: level, edge, once; closed and opened again; many, and in two sets at a time. */
#define _GNU_SOURCE
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "program.h"

#define PAIRS 40
static int pairs[PAIRS][2];
/** What a set keeps of the second pair. */
#define EDGE 0x1000000001ull

static void add(int set, int fd, uint32_t events, uint64_t data) {
  struct epoll_event event = {.events = events, .data.u64 = data};
  must(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) == 0);
}

/** @returns how many of those are ready that do not tell edges: a replica that has gone live may tell of an edge again. */
static int ready(int set, int ms) {
  struct epoll_event events[PAIRS];
  char text[PAIRS * 20] = "";
  int count = epoll_wait(set, events, PAIRS, ms), levels = 0;
  must(count >= 0);
  for (int i = 0; i < count; i++) {
    sprintf(text + strlen(text), " %llx %x", (unsigned long long)events[i].data.u64, events[i].events);
    levels += events[i].data.u64 != EDGE;
  }
  say("ready =%s", text);
  return levels;
}

static void drain(int fd) {
  char bytes[64];
  while (recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0) continue;
}

int main(void) {
  int set = epoll_create1(0), second = epoll_create1(0);
  for (int i = 0; i < PAIRS; i++) {
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]) == 0);
    uint32_t how = i % 3 == 1 ? EPOLLET : i % 3 == 2 ? EPOLLONESHOT : 0;
    add(set, pairs[i][0], EPOLLIN | how, 0x1000000000ull + (uint64_t)i);
  }
  add(second, pairs[0][0], EPOLLIN | EPOLLOUT, 0xffffffffffffull);
  must(ready(set, 0) == 0);
  for (int i = 0; i < 3; i++) must(write(pairs[i][1], "abc", 3) == 3);
  must(ready(set, 1000) == 2 && ready(set, 1000) == 1);
  must(ready(second, 1000) == 1);
  for (int i = 0; i < 3; i++) drain(pairs[i][0]);
  must(ready(set, 5) == 0);
  for (int i = 0; i < 3; i++) must(write(pairs[i][1], "def", 3) == 3);
  must(ready(set, 1000) == 1);
  struct epoll_event again = {.events = EPOLLIN | EPOLLONESHOT, .data.u64 = 0x77};
  must(epoll_ctl(set, EPOLL_CTL_MOD, pairs[2][0], &again) == 0 && ready(set, 1000) == 2 && ready(set, 1000) == 1);
  must(epoll_ctl(set, EPOLL_CTL_MOD, 999, &again) == -1 && errno == EBADF);
  must(epoll_ctl(set, EPOLL_CTL_ADD, pairs[2][0], &again) == -1 && errno == EEXIST);
  must(epoll_ctl(set, EPOLL_CTL_DEL, pairs[0][0], 0) == 0 && ready(set, 0) == 0);
  must(epoll_ctl(set, EPOLL_CTL_DEL, pairs[0][0], 0) == -1 && errno == ENOENT);
  // Who closes need not say so, and another one has the number then.
  int number = pairs[5][0];
  close(pairs[5][0]);
  close(pairs[5][1]);
  int counter = eventfd(0, EFD_NONBLOCK);
  must(counter == number);
  add(set, counter, EPOLLIN, 0x55);
  uint64_t value = 3;
  must(write(counter, &value, sizeof value) == sizeof value && ready(set, 1000) == 1);
  must(read(counter, &value, sizeof value) == sizeof value && value == 3 && ready(set, 0) == 0);
  // All at a time, by several threads' worth of rounds.
  for (int round = 0; round < 3; round++) {
    int sent = 0, seen = 0;
    for (int i = 6; i < PAIRS; i += 3, sent++) must(write(pairs[i][1], "x", 1) == 1);
    while (seen < sent) {
      struct epoll_event events[5];
      int count = epoll_wait(set, events, 5, 1000);
      must(count > 0);
      for (int i = 0; i < count; i++) {
        int index = (int)(events[i].data.u64 & 0xff);
        drain(pairs[index][0]);
        seen++;
      }
    }
    say("round %d = %d", round, seen);
  }
  return 0;
}
