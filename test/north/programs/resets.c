/* A connection is reset in the middle of a call: the call tells of the part that was done, and the next one, whichever it is, of the reset. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "program.h"

/* More than sockets hold. */
#define LENGTH (16 << 20)
#define PART 10

static char bytes[LENGTH];

static void connect_both(int *ends) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  must(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 1) == 0);
  must(getsockname(listener, (struct sockaddr *)&address, &length) == 0);
  ends[1] = socket(AF_INET, SOCK_STREAM, 0);
  must(connect(ends[1], (struct sockaddr *)&address, sizeof address) == 0);
  ends[0] = accept(listener, 0, 0);
  must(ends[0] >= 0);
  close(listener);
}

/** Gives a little, takes a little, and is gone while the first call waits. What was sent to it and not read makes its end a reset. */
static pid_t other_side(const int *ends) {
  pid_t child = fork();
  must(child >= 0);
  if (child != 0) return child;
  close(ends[0]);
  char some[PART];
  must(write(ends[1], bytes, PART) == PART);
  must(recv(ends[1], some, PART, MSG_WAITALL) == PART);
  pause_ms(30);
  close(ends[1]);
  _exit(0);
}

static ssize_t send_much(int fd) {
  return send(fd, bytes, LENGTH, MSG_NOSIGNAL);
}

static ssize_t receive_much(int fd) {
  return recv(fd, bytes, LENGTH, MSG_WAITALL);
}

static ssize_t ask(int fd) {
  int error;
  socklen_t length = sizeof error;
  must(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0);
  errno = error;
  return error == 0 ? 0 : -1;
}

static void expect(const char *what, ssize_t result, int error) {
  say("%s: %s", what, result < 0 ? strerror(errno) : result == 0 ? "the end" : "a part");
  must(error == 0 ? result == 0 : result == -1 && errno == error);
}

/** @param next the call after the one that is interrupted */
static void reset(const char *title, ssize_t (*first)(int), ssize_t (*next)(int)) {
  say("%s", title);
  int ends[2];
  connect_both(ends);
  pid_t child = other_side(ends);
  close(ends[1]);
  must(send(ends[0], bytes, PART + 1, 0) == PART + 1);
  ssize_t part = first(ends[0]);
  say("part = %zd", part);
  must(first == receive_much ? part == PART : part > 0 && part < LENGTH);
  ended_well(child);
  // What was received before the reset is still there.
  if (first == send_much && next == receive_much) must(receive_much(ends[0]) == PART);
  expect("next", next(ends[0]), ECONNRESET);
  expect("asked", ask(ends[0]), 0);
  if (first == receive_much || next == receive_much) expect("received", receive_much(ends[0]), 0);
  expect("sent", send_much(ends[0]), EPIPE);
  close(ends[0]);
}

int main(void) {
  reset("a send, and a send", send_much, send_much);
  reset("a send, and a receive", send_much, receive_much);
  reset("a send, and a question", send_much, ask);
  reset("a receive, and a receive", receive_much, receive_much);
  reset("a receive, and a send", receive_much, send_much);
  reset("a receive, and a question", receive_much, ask);
  return 0;
}
