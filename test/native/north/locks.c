/* One of several processes that take turns by the locks of a file: locks NAME TURNS fcntl|flock|open|lockf */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "program.h"

static const char *kind;

static int opened(void) {
  return open("locked", O_RDWR | O_CREAT, 0600);
}

static int lock(int fd, int type, int waits) {
  struct flock range = {.l_type = (short)type, .l_whence = SEEK_SET, .l_start = 4, .l_len = 1};
  if (strcmp(kind, "flock") == 0)
    return flock(fd, (type == F_UNLCK ? LOCK_UN : type == F_WRLCK ? LOCK_EX : LOCK_SH) | (waits ? 0 : LOCK_NB));
  if (strcmp(kind, "open") == 0) return fcntl(fd, waits ? F_OFD_SETLKW : F_OFD_SETLK, &range);
  if (strcmp(kind, "lockf") == 0) return lockf(fd, type == F_UNLCK ? F_ULOCK : waits ? F_LOCK : F_TLOCK, 1);
  return fcntl(fd, waits ? F_SETLKW : F_SETLK, &range);
}

int main(int arguments, char **argument) {
  if (arguments < 4) return 2;
  kind = argument[3];
  int fd = opened();
  // Written by plain memory accesses, as databases are: their order is that of the locks alone.
  int shared = open("shared", O_RDWR | O_CREAT, 0600);
  if (ftruncate(shared, 4096) < 0) return 1;
  volatile unsigned *memory = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, shared, 0);
  for (int turn = 0; turn < atoi(argument[2]); turn++) {
    int tries = turn % 3 == 1, got = tries ? lock(fd, F_WRLCK, 0) : -1;
    if (tries) tell("tried: %d", got);
    if (got < 0 && lock(fd, F_WRLCK, 1) < 0) return 1;
    unsigned value = memory[0] * 1664525u + (unsigned)argument[1][0];
    // Long enough that the others come and wait.
    usleep(100);
    memory[0] = value;
    memory[1]++;
    tell("%s %u %u", argument[1], memory[1], value);
    struct flock range = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 4, .l_len = 1};
    if (turn % 5 == 4) tell("asked: %d %d", fcntl(fd, F_GETLK, &range), range.l_type);
    if (turn % 7 == 6) {
      // Released by being closed.
      close(fd);
      fd = opened();
    } else {
      lock(fd, F_UNLCK, 0);
    }
  }
  return 0;
}
