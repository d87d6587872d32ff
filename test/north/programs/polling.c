/* poll and select, with the descriptors that a program has for events: pipes, counters, signals, changes of files. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#include "program.h"

static void *write_later(void *fd) {
  for (int i = 0; i < 3; i++) {
    pause_ms(3);
    must(write((int)(intptr_t)fd, "tick", 4) == 4);
  }
  return 0;
}

static void pipes(void) {
  int ends[2];
  must(pipe2(ends, O_NONBLOCK) == 0);
  pthread_t thread;
  must(pthread_create(&thread, 0, write_later, (void *)(intptr_t)ends[1]) == 0);
  for (int got = 0; got < 12;) {
    char text[3];
    struct timeval limit = {5, 0};
    fd_set set;
    FD_ZERO(&set);
    FD_SET(ends[0], &set);
    struct pollfd ready = {ends[0], POLLIN, 0};
    if (got % 2 == 0) must(poll(&ready, 1, 5000) == 1 && ready.revents == POLLIN);
    else must(select(ends[0] + 1, &set, 0, 0, &limit) == 1 && FD_ISSET(ends[0], &set));
    for (ssize_t length; (length = read(ends[0], text, sizeof text)) > 0; got += (int)length) continue;
  }
  must(pthread_join(thread, 0) == 0);
  struct pollfd ready[2] = {{ends[0], POLLIN, 0}, {ends[1], POLLOUT, 0}};
  must(poll(ready, 2, 5) == 1 && ready[0].revents == 0 && ready[1].revents == POLLOUT);
  close(ends[1]);
  must(poll(ready, 1, 5000) == 1 && ready[0].revents == POLLHUP);
  close(ends[0]);
  say("pipes");
}

static void counters(void) {
  int counter = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
  uint64_t value = 3;
  must(write(counter, &value, sizeof value) == sizeof value);
  int all = 0;
  while (read(counter, &value, sizeof value) == sizeof value) all += (int)value;
  must(all == 5 && errno == EAGAIN);
  close(counter);
  say("counters");
}

static void signals(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  must(sigprocmask(SIG_BLOCK, &set, 0) == 0);
  int fd = signalfd(-1, &set, SFD_NONBLOCK);
  struct signalfd_siginfo info;
  struct pollfd ready = {fd, POLLIN, 0};
  for (int i = 0; i < 2; i++) {
    must(kill(getpid(), SIGUSR1) == 0);
    must(poll(&ready, 1, 5000) == 1 && read(fd, &info, sizeof info) == sizeof info && info.ssi_signo == SIGUSR1);
    must(read(fd, &info, sizeof info) == -1 && errno == EAGAIN && poll(&ready, 1, 5) == 0);
  }
  close(fd);
  sigset_t pending;
  must(sigpending(&pending) == 0);
  say("signals, and one left = %d", sigismember(&pending, SIGUSR1));
}

static void changes(void) {
  char folder[] = "/tmp/north-XXXXXX", path[64];
  must(mkdtemp(folder) == folder);
  int fd = inotify_init1(IN_NONBLOCK);
  must(inotify_add_watch(fd, folder, IN_CREATE | IN_DELETE) > 0);
  char events[4096];
  struct pollfd ready = {fd, POLLIN, 0};
  for (int i = 0; i < 2; i++) {
    snprintf(path, sizeof path, "%s/%d", folder, i);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    must(poll(&ready, 1, 5000) == 1);
    ssize_t length = read(fd, events, sizeof events);
    const struct inotify_event *event = (const struct inotify_event *)events;
    must(length > 0 && (event->mask & IN_CREATE) != 0);
    say("made %s", event->name);
    must(unlink(path) == 0);
    must(poll(&ready, 1, 5000) == 1 && read(fd, events, sizeof events) > 0);
    must(read(fd, events, sizeof events) == -1 && errno == EAGAIN);
  }
  close(fd);
  must(rmdir(folder) == 0);
}

int main(void) {
  pipes();
  counters();
  signals();
  changes();
  return 0;
}
