/*
 * What the system tells of files and file systems. Inode numbers, change times and free space differ between two disks: a replay is given what the
 * primary was told. So these calls need no order either. What it is told of files' numbers holds when it goes live (inodes.h).
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/stat.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "inodes.h"
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

/** Others have no disk, and are many. */
static bool is_on_disk(uint32_t mode) {
  return S_ISREG(mode) || S_ISDIR(mode);
}

/** A replay asks all the same, but for the file's number on this disk. */
static void learn(const struct stat *shown, long result, int at, const char *path, int flags) {
  struct stat own;
  if (result < 0 || !is_on_disk(shown->st_mode) || sys(SYS_newfstatat, at, path, &own, flags) < 0) return;
  // By its name it may be another file here at this moment.
  if ((own.st_mode & S_IFMT) != (shown->st_mode & S_IFMT)) return;
  inode_learn((struct inode){shown->st_dev, shown->st_ino}, (struct inode){own.st_dev, own.st_ino});
}

static void show(struct stat *about, long result) {
  if (result < 0) return;
  struct inode shown = inode_shown((struct inode){about->st_dev, about->st_ino});
  about->st_dev = shown.device;
  about->st_ino = shown.number;
}

/** @param path "" and AT_EMPTY_PATH: the descriptor itself */
static int status(int32_t object, int at, const char *path, void *into, int flags) {
  struct stat *about = into;
  long result;
  if (!wrap_enter()) return (int)returned(sys(SYS_newfstatat, at, path, about, flags));
  if (retold(object, about, sizeof *about, &result)) {
    learn(about, result, at, path, flags);
  } else {
    result = sys(SYS_newfstatat, at, path, about, flags);
    show(about, result);
    told(object, about, sizeof *about, result);
  }
  wrap_leave();
  return (int)returned(result);
}

static int status_at(int at, const char *path, void *about, int flags) {
  return status(FILE_BY_NAME, at, path, about, flags);
}

static int status_of(int fd, void *about) {
  // An empty name of the working directory would be another question.
  return fd < 0 ? (int)returned(-EBADF) : status(fd, fd, "", about, AT_EMPTY_PATH);
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

/* The same, in the words of statx. */

static struct inode inode_of(const struct statx *about) {
  return (struct inode){makedev(about->stx_dev_major, about->stx_dev_minor), about->stx_ino};
}

static void learn_extended(const struct statx *shown, long result, int at, const char *path, int flags) {
  struct statx own;
  if (result < 0 || !is_on_disk(shown->stx_mode) || sys(SYS_statx, at, path, flags, STATX_TYPE | STATX_INO, &own) < 0) return;
  if ((own.stx_mode & S_IFMT) == (shown->stx_mode & S_IFMT)) inode_learn(inode_of(shown), inode_of(&own));
}

static void show_extended(struct statx *about, long result) {
  if (result < 0) return;
  struct inode shown = inode_shown(inode_of(about));
  about->stx_dev_major = major(shown.device);
  about->stx_dev_minor = minor(shown.device);
  about->stx_ino = shown.number;
}

INTERPOSED int statx(int at, const char *restrict path, int flags, unsigned mask, struct statx *restrict about) {
  long result;
  if (!wrap_enter()) return (int)returned(sys(SYS_statx, at, path, flags, mask, about));
  if (retold(FILE_BY_NAME, about, sizeof *about, &result)) {
    learn_extended(about, result, at, path, flags);
  } else {
    result = sys(SYS_statx, at, path, flags, mask, about);
    show_extended(about, result);
    told(FILE_BY_NAME, about, sizeof *about, result);
  }
  wrap_leave();
  return (int)returned(result);
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
