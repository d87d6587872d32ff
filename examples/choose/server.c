/* Greets each connection with a random session id, and answers each line with the id, a count and the line: a thread for each.
 * At level `stream` it survives a crash because it draws the id by fttcp_choose; with CHOOSE=off it would not.
 *
 *   cc -I hooks/c examples/choose/server.c hooks/c/fttcp.c -pthread -o server */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include "fttcp.h"

static size_t draw(void *context, void *value, size_t capacity) {
  (void)context;
  return getrandom(value, capacity, 0);
}

static void *serve(void *argument) {
  int fd = (int)(intptr_t)argument;
  struct sockaddr_in peer;
  socklen_t length = sizeof peer;
  char name[64], line[4096];
  uint64_t session;
  unsigned long count = 0;
  if (getpeername(fd, (struct sockaddr *)&peer, &length) < 0) return close(fd), NULL;
  snprintf(name, sizeof name, "session of %s %d", inet_ntoa(peer.sin_addr), ntohs(peer.sin_port));
  const char *choose = getenv("CHOOSE");
  if (choose && strcmp(choose, "off") == 0) draw(NULL, &session, sizeof session);
  else if (fttcp_choose(name, &session, sizeof session, draw, NULL) != sizeof session) return perror("fttcp_choose"), NULL;
  FILE *in = fdopen(fd, "r");
  dprintf(fd, "session %016lx\n", session);
  while (fgets(line, sizeof line, in)) dprintf(fd, "%016lx %lu %s", session, ++count, line);
  fclose(in);
  return NULL;
}

int main(void) {
  const char *port = getenv("FTTCP_PORT");
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port ? atoi(port) : 7)};
  int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&any, sizeof any) < 0 || listen(listener, 128) < 0) return perror("listen"), 1;
  for (;;) {
    pthread_t thread;
    int fd = accept(listener, NULL, NULL);
    if (fd >= 0 && pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd) == 0) pthread_detach(thread);
  }
}
