/* Serves another client than it did, or none: as the environment says, which is no part of a recording. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "program.h"

#define CLIENTS 4

/** Connects, and says who that is and for what. */
static void connect_for(const char *what, const struct sockaddr_in *to) {
  struct sockaddr_in own;
  socklen_t length = sizeof own;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  must(connect(fd, (const struct sockaddr *)to, sizeof *to) == 0);
  must(getsockname(fd, (struct sockaddr *)&own, &length) == 0);
  say("%s: 127.0.0.1:%d", what, ntohs(own.sin_port));
}

int main(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0), error;
  must(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, CLIENTS) == 0);
  must(getsockname(listener, (struct sockaddr *)&address, &length) == 0);
  const char *way = getenv("WAY"), *for_what[CLIENTS] = {"read", "write", "socket-state", "accept"};
  int fds[CLIENTS] = {0};
  for (int i = 0; i < CLIENTS; i++) {
    connect_for(for_what[i], &address);
    if (i + 1 < CLIENTS) fds[i] = accept(listener, 0, 0);
    must(fds[i] >= 0);
  }
  char byte = 0;
  length = sizeof error;
  if (strcmp(way, "read") == 0) must(recv(fds[0], &byte, 1, MSG_DONTWAIT) == -1);
  else if (strcmp(way, "write") == 0) must(send(fds[1], &byte, 1, 0) == 1);
  else if (strcmp(way, "socket-state") == 0) must(getsockopt(fds[2], SOL_SOCKET, SO_ERROR, &error, &length) == 0);
  else if (strcmp(way, "accept") == 0) must(accept(listener, 0, 0) >= 0);
  else now_ms(CLOCK_MONOTONIC);
  return 0;
}
