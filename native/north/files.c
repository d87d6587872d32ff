#define _GNU_SOURCE
#include "files.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "blocking.h"
#include "descriptors.h"
#include "real.h"

const struct north_record *file_begins(int32_t object) {
  const struct north_record *record = recorded(NORTH_FILE, object);
  order_begin(record);
  return record;
}

long file_ends(const struct north_record *record, int32_t object, long result) {
  if (record != 0 && record->result != result) diverged(record, NORTH_FILE, object, "a file call with another result");
  order_end(record, NORTH_FILE, object, result);
  return result;
}

static bool starts_with(const char *text, const char *start) {
  while (*start != 0 && *text == *start) text++, start++;
  return *start == 0;
}

/** What a host tells of itself: the two need not have the same processors and devices. A descriptor's path leads to the program's own files. */
static bool is_of_host(const char *path) {
  if (starts_with(path, "/proc/self/")) return false;
  return starts_with(path, "/proc/") || starts_with(path, "/sys/") || starts_with(path, "/dev/");
}

/** Gives the recorded result where this host has something else. What is read there comes from the recording anyway. */
static long stand_in(const struct north_record *record, int32_t object, const char *path, int flags, long result) {
  if (record->result == result) return result;
  if (result == -EFAULT || !is_of_host(path)) diverged(record, NORTH_FILE, object, "open with another result");
  if (result >= 0) sys(SYS_close, result);
  if (record->result < 0) return record->result;
  result = sys(SYS_openat, AT_FDCWD, "/dev/null", flags & (O_ACCMODE | O_CLOEXEC | O_NONBLOCK));
  if (result != record->result) diverged(record, NORTH_FILE, object, "open with another descriptor");
  return result;
}

/** Whether the open may wait for somebody else's, and cannot have the order meanwhile. */
static bool may_wait(int at, const char *path, int flags) {
  if ((flags & (O_NONBLOCK | O_DIRECTORY | O_PATH | O_EXCL)) != 0 || (flags & O_ACCMODE) == O_RDWR) return false;
  struct stat about;
  long result = sys(SYS_newfstatat, at, path, &about, (flags & O_NOFOLLOW) != 0 ? AT_SYMLINK_NOFOLLOW : 0);
  return result == 0 && S_ISFIFO(about.st_mode);
}

/** Its other end may be opened outside of the service. In a replay it is there when it was, and nobody waits. */
static long open_pipe(const struct north_record *record, int32_t object, int at, const char *path, int flags) {
  long result;
  if (record != 0) {
    result = record->result;
    if (result >= 0 && sys(SYS_openat, at, path, (flags & ~O_ACCMODE) | O_RDWR) != result)
      diverged(record, NORTH_FILE, object, "a pipe with another descriptor");
    replay_taken(record);
  } else {
    do result = blocking(sys(SYS_openat, at, path, flags));
    while (result == -EINTR && signal_restarts());
    record_result(NORTH_FILE, object, result, 0);
  }
  return result;
}

/** @param number of openat or openat2, which share the first two arguments */
static long open_by(long number, int at, const char *path, int flags, long third, long fourth) {
  int32_t object = FILE_CALL(number, BY_NAME);
  const struct north_record *record = recorded(NORTH_FILE, object);
  long result;
  if (record != 0 ? (record->call & NORTH_ORDERED) == 0 : may_wait(at, path, flags)) {
    result = open_pipe(record, object, at, path, flags);
  } else {
    order_begin(record);
    result = sys(number, at, path, third, fourth);
    if (record != 0) result = stand_in(record, object, path, flags, result);
    order_end(record, NORTH_FILE, object, result);
  }
  if (result >= 0) descriptor_changed((int)result);
  return result;
}

long open_how(int at, const char *path, const struct open_how *how, size_t size) {
  if (!wrap_enter()) return returned(sys(SYS_openat2, at, path, how, size));
  int flags = how != 0 && size >= sizeof *how ? (int)how->flags : O_PATH;
  long result = open_by(SYS_openat2, at, path, flags, (long)how, (long)size);
  wrap_leave();
  return returned(result);
}

/** Inline, so that who has called is seen: an allocator's own calls pass. */
static inline __attribute__((always_inline)) int opened(int at, const char *path, int flags, unsigned mode) {
  if (!wrap_enter()) return (int)returned(sys(SYS_openat, at, path, flags, mode));
  long result = open_by(SYS_openat, at, path, flags, flags, mode);
  wrap_leave();
  return (int)returned(result);
}

/** The mode is there if the file may be made. */
#define MODE_AFTER(flags)                                          \
  ({                                                               \
    unsigned mode_ = 0;                                            \
    if (((flags) & O_CREAT) != 0 || ((flags) & O_TMPFILE) == O_TMPFILE) { \
      va_list rest_;                                               \
      va_start(rest_, flags);                                      \
      mode_ = va_arg(rest_, unsigned);                             \
      va_end(rest_);                                               \
    }                                                              \
    mode_;                                                         \
  })

INTERPOSED int open(const char *path, int flags, ...) {
  return opened(AT_FDCWD, path, flags, MODE_AFTER(flags));
}

INTERPOSED int open64(const char *path, int flags, ...) {
  return opened(AT_FDCWD, path, flags, MODE_AFTER(flags));
}

INTERPOSED int openat(int at, const char *path, int flags, ...) {
  return opened(at, path, flags, MODE_AFTER(flags));
}

INTERPOSED int openat64(int at, const char *path, int flags, ...) {
  return opened(at, path, flags, MODE_AFTER(flags));
}

INTERPOSED int creat(const char *path, mode_t mode) {
  return opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

INTERPOSED int creat64(const char *path, mode_t mode) {
  return opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

/* What _FORTIFY_SOURCE makes of an open without a mode. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int at, const char *path, int flags);
int __openat64_2(int at, const char *path, int flags);

INTERPOSED int __open_2(const char *path, int flags) {
  return opened(AT_FDCWD, path, flags, 0);
}

INTERPOSED int __open64_2(const char *path, int flags) {
  return opened(AT_FDCWD, path, flags, 0);
}

INTERPOSED int __openat_2(int at, const char *path, int flags) {
  return opened(at, path, flags, 0);
}

INTERPOSED int __openat64_2(int at, const char *path, int flags) {
  return opened(at, path, flags, 0);
}
