/* Processes and threads that speak by sockets of every kind: one answers, several ask at a time. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "program.h"

#define SENDERS 3
#define MESSAGES 4

/** Several processes send to one, which tells in what order it was. */
static void datagrams(int type) {
  int ends[2];
  must(socketpair(AF_UNIX, type, 0, ends) == 0);
  pid_t children[SENDERS];
  for (int i = 0; i < SENDERS; i++) {
    children[i] = fork();
    if (children[i] != 0) continue;
    for (int k = 0; k < MESSAGES; k++) {
      char text[2] = {(char)('a' + i), (char)('0' + k)};
      must(send(ends[1], text, 2, 0) == 2);
      if (k == 1) pause_ms(1);
    }
    _exit(0);
  }
  int next[SENDERS] = {0};
  for (int i = 0; i < SENDERS * MESSAGES; i++) {
    char text[16] = "";
    must(recv(ends[0], text, sizeof text, 0) == 2);
    must(text[1] - '0' == next[text[0] - 'a']++);
    say("message %d = %s", i, text);
  }
  for (int i = 0; i < SENDERS; i++) ended_well(children[i]);
  close(ends[0]);
  close(ends[1]);
}

static int listener;
static struct sockaddr_in address = {.sin_family = AF_INET};

static void *ask(void *argument) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  must(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
  char text[32];
  int length = snprintf(text, sizeof text, "question %d", (int)(intptr_t)argument);
  must(send(fd, text, (size_t)length, 0) == length && shutdown(fd, SHUT_WR) == 0);
  must(recv(fd, text, (size_t)length, MSG_WAITALL) == length && text[0] == 'Q');
  must(recv(fd, text, sizeof text, 0) == 0);
  close(fd);
  return 0;
}

static void loopback(void) {
  listener = socket(AF_INET, SOCK_STREAM, 0);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  must(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 8) == 0);
  must(getsockname(listener, (struct sockaddr *)&address, &length) == 0);
  pthread_t threads[SENDERS];
  for (intptr_t i = 0; i < SENDERS; i++) must(pthread_create(&threads[i], 0, ask, (void *)i) == 0);
  for (int i = 0; i < SENDERS; i++) {
    char text[32];
    int fd = accept(listener, 0, 0), got = 0;
    must(fd >= 0);
    for (ssize_t piece; (piece = read(fd, text + got, sizeof text - (size_t)got)) > 0; got += (int)piece) continue;
    text[0] = 'Q';
    must(write(fd, text, (size_t)got) == got);
    close(fd);
  }
  for (int i = 0; i < SENDERS; i++) must(pthread_join(threads[i], 0) == 0);
  close(listener);
  say("all were answered");
}

/** An open file goes to another process. */
static void rights(void) {
  int ends[2], file[2];
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  pid_t child = fork();
  if (child == 0) {
    char byte, room[CMSG_SPACE(sizeof(int))];
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    must(recvmsg(ends[0], &message, 0) == 1);
    int fd;
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    must(write(fd, "through it", 10) == 10);
    _exit(0);
  }
  must(pipe(file) == 0);
  char room[CMSG_SPACE(sizeof(int))] = {0};
  struct iovec part = {"!", 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  *header = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
  memcpy(CMSG_DATA(header), &file[1], sizeof(int));
  must(sendmsg(ends[1], &message, 0) == 1);
  close(file[1]);
  char text[16] = "";
  must(read(file[0], text, 10) == 10 && read(file[0], text + 10, 1) == 0);
  say("%s", text);
  ended_well(child);
}

static void udp(void) {
  int one = socket(AF_INET, SOCK_DGRAM, 0), other = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, from;
  socklen_t length = sizeof to;
  must(bind(one, (struct sockaddr *)&to, sizeof to) == 0 && getsockname(one, (struct sockaddr *)&to, &length) == 0);
  must(sendto(other, "ping", 4, 0, (struct sockaddr *)&to, sizeof to) == 4);
  char text[16] = "";
  must(recvfrom(one, text, sizeof text, 0, (struct sockaddr *)&from, &length) == 4 && length == sizeof from);
  must(from.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
  say("%s", text);
}

int main(void) {
  datagrams(SOCK_DGRAM);
  datagrams(SOCK_SEQPACKET);
  loopback();
  rights();
  udp();
  return 0;
}
