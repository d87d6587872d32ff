/*
 * Owners, modes, times and extended attributes of files. They are set on every replica alike; extended ones are read from the recording, as status
 * is (status.c): their order differs between file systems, and not all of them are the program's own.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

#include "files.h"
#include "real.h"

#define named(number, ...) ((int)returned(in_order(FILE_CALL(number, BY_NAME), sys(number, __VA_ARGS__))))
#define opened(number, fd, ...) ((int)returned(in_order(FILE_CALL(number, fd), sys(number, fd, __VA_ARGS__))))

INTERPOSED int chmod(const char *path, mode_t mode) {
  return named(SYS_fchmodat, AT_FDCWD, path, mode);
}

INTERPOSED int fchmod(int fd, mode_t mode) {
  return opened(SYS_fchmod, fd, mode);
}

/** The kernel's call knows no flags; the C library goes by /proc. */
INTERPOSED int fchmodat(int at, const char *path, mode_t mode, int flags) {
  long result = in_order(FILE_CALL(SYS_fchmodat, BY_NAME), real(fchmodat)(at, path, mode, flags) == 0 ? 0l : -(long)errno);
  return (int)returned(result);
}

INTERPOSED int chown(const char *path, uid_t owner, gid_t group) {
  return named(SYS_fchownat, AT_FDCWD, path, owner, group, 0);
}

INTERPOSED int lchown(const char *path, uid_t owner, gid_t group) {
  return named(SYS_fchownat, AT_FDCWD, path, owner, group, AT_SYMLINK_NOFOLLOW);
}

INTERPOSED int fchown(int fd, uid_t owner, gid_t group) {
  return opened(SYS_fchown, fd, owner, group);
}

INTERPOSED int fchownat(int at, const char *path, uid_t owner, gid_t group, int flags) {
  return named(SYS_fchownat, at, path, owner, group, flags);
}

INTERPOSED int utimensat(int at, const char *path, const struct timespec times[2], int flags) {
  return named(SYS_utimensat, at, path, times, flags);
}

INTERPOSED int futimens(int fd, const struct timespec times[2]) {
  return opened(SYS_utimensat, fd, 0, times, 0);
}

static const struct timespec *finer(const struct timeval *from, struct timespec into[2]) {
  if (from == 0) return 0;
  // What the kernel refuses is still refused: its limit is 1000 times as large.
  for (int i = 0; i < 2; i++) into[i] = (struct timespec){from[i].tv_sec, from[i].tv_usec * 1000};
  return into;
}

INTERPOSED int utimes(const char *path, const struct timeval times[2]) {
  struct timespec fine[2];
  return named(SYS_utimensat, AT_FDCWD, path, finer(times, fine), 0);
}

INTERPOSED int lutimes(const char *path, const struct timeval times[2]) {
  struct timespec fine[2];
  return named(SYS_utimensat, AT_FDCWD, path, finer(times, fine), AT_SYMLINK_NOFOLLOW);
}

INTERPOSED int futimes(int fd, const struct timeval times[2]) {
  struct timespec fine[2];
  return opened(SYS_utimensat, fd, 0, finer(times, fine), 0);
}

INTERPOSED int futimesat(int at, const char *path, const struct timeval times[2]) {
  struct timespec fine[2];
  return named(SYS_utimensat, at, path, finer(times, fine), 0);
}

INTERPOSED int utime(const char *path, const struct utimbuf *times) {
  struct timespec fine[2];
  if (times != 0) {
    fine[0] = (struct timespec){times->actime, 0};
    fine[1] = (struct timespec){times->modtime, 0};
  }
  return named(SYS_utimensat, AT_FDCWD, path, times == 0 ? 0 : fine, 0);
}

INTERPOSED int setxattr(const char *path, const char *name, const void *value, size_t size, int flags) {
  return named(SYS_setxattr, path, name, value, size, flags);
}

INTERPOSED int lsetxattr(const char *path, const char *name, const void *value, size_t size, int flags) {
  return named(SYS_lsetxattr, path, name, value, size, flags);
}

INTERPOSED int fsetxattr(int fd, const char *name, const void *value, size_t size, int flags) {
  return opened(SYS_fsetxattr, fd, name, value, size, flags);
}

INTERPOSED int removexattr(const char *path, const char *name) {
  return named(SYS_removexattr, path, name);
}

INTERPOSED int lremovexattr(const char *path, const char *name) {
  return named(SYS_lremovexattr, path, name);
}

INTERPOSED int fremovexattr(int fd, const char *name) {
  return opened(SYS_fremovexattr, fd, name);
}

/** @returns false: ask, then `told`. */
static bool retold(int32_t object, void *into, size_t size, long *result) {
  const struct north_record *record = recorded(NORTH_STAT, object);
  if (record == 0) return false;
  *result = record->result;
  // Without its payload it was too long for a record: the replica's own is given.
  bool has = *result <= 0 || size == 0 || payload_length(record) > 0;
  if (has && *result > 0 && size > 0) __builtin_memcpy(into, payload_of(record), (size_t)*result);
  replay_taken(record);
  return has;
}

static void told(int32_t object, const void *from, size_t size, long result) {
  if (phase != RECORDING) return;
  size_t length = result > 0 && size > 0 && (size_t)result <= NORTH_PAYLOAD_MAX ? (size_t)result : 0;
  record_bytes(NORTH_STAT, object, result, 0, from, length);
}

/** @param call of which the result is a length; of size 0 that alone */
#define extended(object, into, size, call)            \
  ({                                                  \
    long result_;                                     \
    if (!wrap_enter()) {                              \
      result_ = (call);                               \
    } else {                                          \
      if (!retold(object, into, size, &result_)) {    \
        result_ = (call);                             \
        told(object, into, size, result_);            \
      }                                               \
      wrap_leave();                                   \
    }                                                 \
    returned(result_);                                \
  })

INTERPOSED ssize_t getxattr(const char *path, const char *name, void *into, size_t size) {
  return extended(FILE_CALL(SYS_getxattr, BY_NAME), into, size, sys(SYS_getxattr, path, name, into, size));
}

INTERPOSED ssize_t lgetxattr(const char *path, const char *name, void *into, size_t size) {
  return extended(FILE_CALL(SYS_lgetxattr, BY_NAME), into, size, sys(SYS_lgetxattr, path, name, into, size));
}

INTERPOSED ssize_t fgetxattr(int fd, const char *name, void *into, size_t size) {
  return extended(FILE_CALL(SYS_fgetxattr, fd), into, size, sys(SYS_fgetxattr, fd, name, into, size));
}

INTERPOSED ssize_t listxattr(const char *path, char *into, size_t size) {
  return extended(FILE_CALL(SYS_listxattr, BY_NAME), into, size, sys(SYS_listxattr, path, into, size));
}

INTERPOSED ssize_t llistxattr(const char *path, char *into, size_t size) {
  return extended(FILE_CALL(SYS_llistxattr, BY_NAME), into, size, sys(SYS_llistxattr, path, into, size));
}

INTERPOSED ssize_t flistxattr(int fd, char *into, size_t size) {
  return extended(FILE_CALL(SYS_flistxattr, fd), into, size, sys(SYS_flistxattr, fd, into, size));
}
