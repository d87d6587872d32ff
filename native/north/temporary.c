/*
 * Files whose names are drawn by lot. The C library draws by a call of its own, past the shim: so it is done here, by the interposed calls. Files without
 * a name (tmpfile) are nobody else's, and need nothing.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "real.h"

#define DRAWN 6
/* As often as POSIX wants it tried at least. */
#define ATTEMPTS (62 * 62 * 62)

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

static int make_file(const char *path, int flags) {
  return open(path, O_RDWR | O_CREAT | O_EXCL | (flags & ~O_ACCMODE), 0600);
}

static int make_directory(const char *path, int flags) {
  (void)flags;
  return mkdir(path, 0700);
}

/** Nothing is made: that the name is free now is all. */
static int make_nothing(const char *path, int flags) {
  (void)flags;
  struct stat unused;
  if (lstat(path, &unused) == 0) errno = EEXIST;
  else if (errno == ENOENT) return 0;
  return -1;
}

static int make(char *pattern, int suffix, int flags, int (*one)(const char *path, int flags)) {
  long start = (long)strlen(pattern) - suffix - DRAWN;
  if (suffix < 0 || start < 0 || memcmp(pattern + start, "XXXXXX", DRAWN) != 0) {
    errno = EINVAL;
    return -1;
  }
  char *at = pattern + start;
  int kept = errno;
  for (int i = 0; i < ATTEMPTS; i++) {
    uint64_t value;
    if (getrandom(&value, sizeof value, 0) != sizeof value) return -1;
    for (int k = 0; k < DRAWN; k++, value /= 62) at[k] = letters[value % 62];
    int made = one(pattern, flags);
    if (made >= 0) errno = kept;
    if (made >= 0 || errno != EEXIST) return made;
  }
  errno = EEXIST;
  return -1;
}

INTERPOSED int mkstemp(char *pattern) {
  return make(pattern, 0, 0, make_file);
}

INTERPOSED int mkstemp64(char *pattern) {
  return make(pattern, 0, 0, make_file);
}

INTERPOSED int mkostemp(char *pattern, int flags) {
  return make(pattern, 0, flags, make_file);
}

INTERPOSED int mkostemp64(char *pattern, int flags) {
  return make(pattern, 0, flags, make_file);
}

INTERPOSED int mkstemps(char *pattern, int suffix) {
  return make(pattern, suffix, 0, make_file);
}

INTERPOSED int mkstemps64(char *pattern, int suffix) {
  return make(pattern, suffix, 0, make_file);
}

INTERPOSED int mkostemps(char *pattern, int suffix, int flags) {
  return make(pattern, suffix, flags, make_file);
}

INTERPOSED int mkostemps64(char *pattern, int suffix, int flags) {
  return make(pattern, suffix, flags, make_file);
}

INTERPOSED char *mkdtemp(char *pattern) {
  return make(pattern, 0, 0, make_directory) < 0 ? 0 : pattern;
}

INTERPOSED char *mktemp(char *pattern) {
  if (make(pattern, 0, 0, make_nothing) < 0) pattern[0] = 0;
  return pattern;
}
