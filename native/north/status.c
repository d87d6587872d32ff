/*
 * What the system tells of files and file systems. Inode numbers, change times and free space differ between two disks: a replay does not ask, it is
 * given what the primary was told. So these calls need no order either.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/stat.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "real.h"
#include "recording.h"
#include "sys.h"

/* The object where it is not a descriptor. */
enum question { FILE_BY_NAME = -1, SYSTEM_BY_NAME = -2, MAY_ACCESS = -3 };

/** @returns false: ask, then `told`. */
static bool retold(int32_t object, void *into, size_t size, long *result) {
  const struct north_record *record = recorded(NORTH_STAT, object);
  if (record == 0) return false;
  *result = record->result;
  if (*result >= 0) {
    if (record->detail != size) diverged(record, NORTH_STAT, object, "another kind of status");
    if (size > 0) __builtin_memcpy(into, payload_of(record), size);
  }
  replay_taken(record);
  return true;
}

static void told(int32_t object, const void *about, size_t size, long result) {
  record_bytes(NORTH_STAT, object, result, (uint32_t)size, about, result < 0 ? 0 : size);
}

/** A whole interposed function. */
#define told_by(object, into, size, call)                 \
  ({                                                      \
    long result_;                                         \
    if (!wrap_enter()) {                                  \
      result_ = (call);                                   \
    } else {                                              \
      if (!retold(object, into, size, &result_)) {        \
        result_ = (call);                                 \
        told(object, into, size, result_);                \
      }                                                   \
      wrap_leave();                                       \
    }                                                     \
    (int)returned(result_);                               \
  })

/** A call of the C library that has more to do than the kernel's. */
#define by_library(call) ((call) == 0 ? 0l : -(long)errno)

/* The kernel's structure is the C library's, with 64 bits throughout. */

static int status_at(int at, const char *path, void *about, int flags) {
  return told_by(FILE_BY_NAME, about, sizeof(struct stat), sys(SYS_newfstatat, at, path, about, flags));
}

static int status_of(int fd, void *about) {
  return told_by(fd, about, sizeof(struct stat), sys(SYS_fstat, fd, about));
}

INTERPOSED int stat(const char *restrict path, struct stat *restrict about) {
  return status_at(AT_FDCWD, path, about, 0);
}

INTERPOSED int stat64(const char *restrict path, struct stat64 *restrict about) {
  return status_at(AT_FDCWD, path, about, 0);
}

INTERPOSED int lstat(const char *restrict path, struct stat *restrict about) {
  return status_at(AT_FDCWD, path, about, AT_SYMLINK_NOFOLLOW);
}

INTERPOSED int lstat64(const char *restrict path, struct stat64 *restrict about) {
  return status_at(AT_FDCWD, path, about, AT_SYMLINK_NOFOLLOW);
}

INTERPOSED int fstat(int fd, struct stat *about) {
  return status_of(fd, about);
}

INTERPOSED int fstat64(int fd, struct stat64 *about) {
  return status_of(fd, about);
}

INTERPOSED int fstatat(int at, const char *restrict path, struct stat *restrict about, int flags) {
  return status_at(at, path, about, flags);
}

INTERPOSED int fstatat64(int at, const char *restrict path, struct stat64 *restrict about, int flags) {
  return status_at(at, path, about, flags);
}

INTERPOSED int statx(int at, const char *restrict path, int flags, unsigned mask, struct statx *restrict about) {
  return told_by(FILE_BY_NAME, about, sizeof *about, sys(SYS_statx, at, path, flags, mask, about));
}

/* Programs that were linked before glibc 2.33. */
int __xstat(int version, const char *path, struct stat *about);
int __xstat64(int version, const char *path, struct stat64 *about);
int __lxstat(int version, const char *path, struct stat *about);
int __lxstat64(int version, const char *path, struct stat64 *about);
int __fxstat(int version, int fd, struct stat *about);
int __fxstat64(int version, int fd, struct stat64 *about);
int __fxstatat(int version, int at, const char *path, struct stat *about, int flags);
int __fxstatat64(int version, int at, const char *path, struct stat64 *about, int flags);

INTERPOSED int __xstat(int version, const char *path, struct stat *about) {
  (void)version;
  return status_at(AT_FDCWD, path, about, 0);
}

INTERPOSED int __xstat64(int version, const char *path, struct stat64 *about) {
  (void)version;
  return status_at(AT_FDCWD, path, about, 0);
}

INTERPOSED int __lxstat(int version, const char *path, struct stat *about) {
  (void)version;
  return status_at(AT_FDCWD, path, about, AT_SYMLINK_NOFOLLOW);
}

INTERPOSED int __lxstat64(int version, const char *path, struct stat64 *about) {
  (void)version;
  return status_at(AT_FDCWD, path, about, AT_SYMLINK_NOFOLLOW);
}

INTERPOSED int __fxstat(int version, int fd, struct stat *about) {
  (void)version;
  return status_of(fd, about);
}

INTERPOSED int __fxstat64(int version, int fd, struct stat64 *about) {
  (void)version;
  return status_of(fd, about);
}

INTERPOSED int __fxstatat(int version, int at, const char *path, struct stat *about, int flags) {
  (void)version;
  return status_at(at, path, about, flags);
}

INTERPOSED int __fxstatat64(int version, int at, const char *path, struct stat64 *about, int flags) {
  (void)version;
  return status_at(at, path, about, flags);
}

INTERPOSED int statfs(const char *path, struct statfs *about) {
  return told_by(SYSTEM_BY_NAME, about, sizeof *about, sys(SYS_statfs, path, about));
}

INTERPOSED int statfs64(const char *path, struct statfs64 *about) {
  return told_by(SYSTEM_BY_NAME, about, sizeof *about, sys(SYS_statfs, path, about));
}

INTERPOSED int fstatfs(int fd, struct statfs *about) {
  return told_by(fd, about, sizeof *about, sys(SYS_fstatfs, fd, about));
}

INTERPOSED int fstatfs64(int fd, struct statfs64 *about) {
  return told_by(fd, about, sizeof *about, sys(SYS_fstatfs, fd, about));
}

INTERPOSED int statvfs(const char *restrict path, struct statvfs *restrict about) {
  return told_by(SYSTEM_BY_NAME, about, sizeof *about, by_library(real(statvfs)(path, about)));
}

INTERPOSED int statvfs64(const char *restrict path, struct statvfs64 *restrict about) {
  return told_by(SYSTEM_BY_NAME, about, sizeof *about, by_library(real(statvfs64)(path, about)));
}

INTERPOSED int fstatvfs(int fd, struct statvfs *about) {
  return told_by(fd, about, sizeof *about, by_library(real(fstatvfs)(fd, about)));
}

INTERPOSED int fstatvfs64(int fd, struct statvfs64 *about) {
  return told_by(fd, about, sizeof *about, by_library(real(fstatvfs64)(fd, about)));
}

/* A replica's own files would answer alike, if they were asked in the order of all changes: to record the answer is less. */

INTERPOSED int access(const char *path, int mode) {
  return told_by(MAY_ACCESS, 0, 0, sys(SYS_faccessat, AT_FDCWD, path, mode));
}

INTERPOSED int faccessat(int at, const char *path, int mode, int flags) {
  return told_by(MAY_ACCESS, 0, 0, by_library(real(faccessat)(at, path, mode, flags)));
}

INTERPOSED int eaccess(const char *path, int mode) {
  return told_by(MAY_ACCESS, 0, 0, by_library(real(faccessat)(AT_FDCWD, path, mode, AT_EACCESS)));
}

INTERPOSED int euidaccess(const char *path, int mode) {
  return told_by(MAY_ACCESS, 0, 0, by_library(real(faccessat)(AT_FDCWD, path, mode, AT_EACCESS)));
}
