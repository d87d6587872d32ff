/* Large parts of a file, in buffers of any length: all of it is written and read, and at the end of the file what there is. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/uio.h>

#include "program.h"

#define LENGTH ((3 << 20) + 12345)
#define AT 4097
#define SMALL_PARTS 40

static uint8_t written[LENGTH], seen[LENGTH];

/** So many small ones, an empty one, and the rest. @returns how many there are */
static int cut(struct iovec *parts, uint8_t *buffer) {
  size_t done = 0;
  int count = 0;
  while (count < SMALL_PARTS) {
    size_t length = (size_t)(1 + count * 997);
    parts[count++] = (struct iovec){buffer + done, length};
    done += length;
  }
  parts[count++] = (struct iovec){buffer + done, 0};
  parts[count++] = (struct iovec){buffer + done, LENGTH - done};
  return count;
}

int main(void) {
  char path[] = "/tmp/pieces-XXXXXX";
  struct iovec parts[SMALL_PARTS + 2];
  for (size_t i = 0; i < LENGTH; i++) written[i] = (uint8_t)(i * 2654435761u >> 13);
  int file = mkstemp(path);
  must(file >= 0 && unlink(path) == 0);
  say("begins");

  must(pwritev(file, parts, cut(parts, written), AT) == LENGTH);
  say("written from parts");
  must(pread(file, seen, LENGTH, AT) == LENGTH && memcmp(seen, written, LENGTH) == 0);
  say("read whole");

  memset(seen, 0, LENGTH);
  must(pwrite(file, written, LENGTH, 0) == LENGTH);
  must(preadv(file, parts, cut(parts, seen), 0) == LENGTH && memcmp(seen, written, LENGTH) == 0);
  say("written whole, read into parts");

  must(pread(file, seen, LENGTH, LENGTH) == AT);
  must(pread(file, seen, LENGTH, LENGTH + AT) == 0);
  must(pread(-1, seen, LENGTH, 0) == -1 && errno == EBADF);
  must(lseek(file, 0, SEEK_CUR) == 0);
  say("ends");
  return 0;
}
