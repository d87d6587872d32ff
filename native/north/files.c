#define _GNU_SOURCE
#include "files.h"

#include "recording.h"
#include "sys.h"

long file_read(int fd, const struct iovec *parts, int count, int64_t offset) {
  return sys(SYS_preadv2, fd, parts, count, offset, offset >> 32, 0);
}

long file_write(int fd, const struct iovec *parts, int count, int64_t offset) {
  return sys(SYS_pwritev2, fd, parts, count, offset, offset >> 32, 0);
}
