/*
 * Where symbolic links lead. Those on disk are the replica's own. Those of /proc that name what has no path (a socket's inode, a process) are the
 * primary's; those that name files are the replica's again, whose working directory may be called differently.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

#include "files.h"
#include "real.h"

static bool is_of_proc(const char *path) {
  const char *start = "/proc/";
  while (*start != 0 && *path == *start) path++, start++;
  return *start == 0;
}

static long read_link_of_proc(int at, const char *path, char *into, size_t size) {
  int32_t object = FILE_CALL(SYS_readlinkat, BY_NAME);
  const struct north_record *record = recorded(NORTH_STAT, object);
  if (record != 0) {
    long result = record->result;
    bool is_path = record->detail == 0;
    if (!is_path) __builtin_memcpy(into, payload_of(record), (size_t)result);
    replay_taken(record);
    if (result < 0 || !is_path) return result;
  }
  long result = sys(SYS_readlinkat, at, path, into, size);
  bool is_path = result <= 0 || into[0] == '/';
  if (record == 0) record_bytes(NORTH_STAT, object, result, is_path ? 0 : 1, into, is_path ? 0 : (size_t)result);
  return result;
}

static ssize_t read_link(int at, const char *path, char *into, size_t size) {
  if (!wrap_enter()) return returned(sys(SYS_readlinkat, at, path, into, size));
  long result;
  if (path != 0 && is_of_proc(path)) {
    result = read_link_of_proc(at, path, into, size);
  } else {
    int32_t object = FILE_CALL(SYS_readlinkat, BY_NAME);
    const struct north_record *record = file_begins(object);
    result = file_ends(record, object, sys(SYS_readlinkat, at, path, into, size));
  }
  wrap_leave();
  return returned(result);
}

INTERPOSED ssize_t readlink(const char *restrict path, char *restrict into, size_t size) {
  return read_link(AT_FDCWD, path, into, size);
}

INTERPOSED ssize_t readlinkat(int at, const char *restrict path, char *restrict into, size_t size) {
  return read_link(at, path, into, size);
}

/* _FORTIFY_SOURCE */
ssize_t __readlink_chk(const char *path, char *into, size_t size, size_t room);
ssize_t __readlinkat_chk(int at, const char *path, char *into, size_t size, size_t room);
void __chk_fail(void) __attribute__((noreturn));

INTERPOSED ssize_t __readlink_chk(const char *path, char *into, size_t size, size_t room) {
  if (size > room) __chk_fail();
  return read_link(AT_FDCWD, path, into, size);
}

INTERPOSED ssize_t __readlinkat_chk(int at, const char *path, char *into, size_t size, size_t room) {
  if (size > room) __chk_fail();
  return read_link(at, path, into, size);
}
