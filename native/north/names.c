/* What there is, by which name: it is changed on every replica alike. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "real.h"

#define named(number, ...) ((int)returned(in_order(FILE_CALL(number, BY_NAME), sys(number, __VA_ARGS__))))

INTERPOSED int rename(const char *from, const char *to) {
  return named(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

INTERPOSED int renameat(int from_at, const char *from, int to_at, const char *to) {
  return named(SYS_renameat2, from_at, from, to_at, to, 0);
}

INTERPOSED int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
  return named(SYS_renameat2, from_at, from, to_at, to, flags);
}

INTERPOSED int unlink(const char *path) {
  return named(SYS_unlinkat, AT_FDCWD, path, 0);
}

INTERPOSED int unlinkat(int at, const char *path, int flags) {
  return named(SYS_unlinkat, at, path, flags);
}

INTERPOSED int rmdir(const char *path) {
  return named(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR);
}

/** Its own two calls would not pass here. */
INTERPOSED int remove(const char *path) {
  if (unlink(path) == 0) return 0;
  return errno == EISDIR ? rmdir(path) : -1;
}

INTERPOSED int mkdir(const char *path, mode_t mode) {
  return named(SYS_mkdirat, AT_FDCWD, path, mode);
}

INTERPOSED int mkdirat(int at, const char *path, mode_t mode) {
  return named(SYS_mkdirat, at, path, mode);
}

INTERPOSED int link(const char *from, const char *to) {
  return named(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
}

INTERPOSED int linkat(int from_at, const char *from, int to_at, const char *to, int flags) {
  return named(SYS_linkat, from_at, from, to_at, to, flags);
}

INTERPOSED int symlink(const char *target, const char *path) {
  return named(SYS_symlinkat, target, AT_FDCWD, path);
}

INTERPOSED int symlinkat(const char *target, int at, const char *path) {
  return named(SYS_symlinkat, target, at, path);
}

INTERPOSED int mknod(const char *path, mode_t mode, dev_t device) {
  return named(SYS_mknodat, AT_FDCWD, path, mode, device);
}

INTERPOSED int mknodat(int at, const char *path, mode_t mode, dev_t device) {
  return named(SYS_mknodat, at, path, mode, device);
}

INTERPOSED int mkfifo(const char *path, mode_t mode) {
  return named(SYS_mknodat, AT_FDCWD, path, mode | S_IFIFO, 0);
}

INTERPOSED int mkfifoat(int at, const char *path, mode_t mode) {
  return named(SYS_mknodat, at, path, mode | S_IFIFO, 0);
}

/* Programs that were linked before glibc 2.33. */
int __xmknod(int version, const char *path, mode_t mode, dev_t *device);
int __xmknodat(int version, int at, const char *path, mode_t mode, dev_t *device);

INTERPOSED int __xmknod(int version, const char *path, mode_t mode, dev_t *device) {
  (void)version;
  return named(SYS_mknodat, AT_FDCWD, path, mode, *device);
}

INTERPOSED int __xmknodat(int version, int at, const char *path, mode_t mode, dev_t *device) {
  (void)version;
  return named(SYS_mknodat, at, path, mode, *device);
}
