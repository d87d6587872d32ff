/* More than a pipe or a socket holds, from one thread to another: the writer waits in the middle of its call, and the reader in its. */
#define _GNU_SOURCE
#include <sys/socket.h>

#include "program.h"

#define LENGTH (1 << 20)

static char sent[LENGTH];

static void *pour(void *fd) {
  must(write((int)(intptr_t)fd, sent, LENGTH) == LENGTH);
  close((int)(intptr_t)fd);
  return 0;
}

static void drink(const char *title, const int *ends, int flags) {
  pthread_t thread;
  must(pthread_create(&thread, 0, pour, (void *)(intptr_t)ends[1]) == 0);
  static char got[LENGTH];
  int all = 0;
  while (all < LENGTH) {
    int most = all == 0 ? 10 : LENGTH / 4 < LENGTH - all ? LENGTH / 4 : LENGTH - all;
    ssize_t length = flags < 0 ? read(ends[0], got + all, (size_t)most) : recv(ends[0], got + all, (size_t)most, flags);
    must(length > 0);
    all += (int)length;
  }
  must(memcmp(got, sent, LENGTH) == 0 && read(ends[0], got, 1) == 0);
  must(pthread_join(thread, 0) == 0);
  close(ends[0]);
  say("%s", title);
}

int main(void) {
  int ends[2];
  for (int i = 0; i < LENGTH; i++) sent[i] = (char)(i * 7 + i / 1000);
  must(pipe(ends) == 0);
  drink("pipe", ends, -1);
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  drink("socket", ends, -1);
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  drink("socket, as much as is wanted", ends, MSG_WAITALL);
  return 0;
}
