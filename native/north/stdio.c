/*
 * Streams of the C library. It reads and writes by calls of its own, past the shim. For the service's own files that does no harm. What a
 * replica would find to be something else (random numbers, /proc, sockets) is read by a stream whose functions are the shim's; it has the
 * descriptor's number, and buffers as any other.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "descriptors.h"
#include "files.h"
#include "real.h"
#include "recording.h"
#include "streams.h"
#include "sys.h"
#include "token.h"

/** A buffer full of random numbers is more than anybody asks for, and all of it would be recorded. */
#define DRAWN_AT_ONCE 64

/* The cookie is the descriptor, and whether it draws: no memory of the program's. */
#define DRAWS (1l << 32)

static bool draws(int fd) {
  struct stat about;
  if (sys(SYS_fstat, fd, &about) < 0 || !S_ISCHR(about.st_mode) || major(about.st_rdev) != 1) return false;
  return minor(about.st_rdev) == 8 || minor(about.st_rdev) == 9; // random, urandom
}

/**
 * As `wrap_enter`, but no place where the token changes hands: the stream's own lock is held, and a thread that waited for that would keep the token.
 */
static bool enter(void) {
  if (inside || phase <= UNWRAPPED || !token_takes_part()) return false;
  inside = true;
  return true;
}

static ssize_t cookie_read(void *cookie, char *into, size_t size) {
  int fd = (int)(long)cookie;
  if (((long)cookie & DRAWS) != 0 && size > DRAWN_AT_ONCE) size = DRAWN_AT_ONCE;
  if (!enter()) return returned(sys(SYS_read, fd, into, size));
  struct iovec part = {into, size};
  long result = stream_read(fd, &part, 1);
  wrap_leave();
  return returned(result);
}

static ssize_t cookie_write(void *cookie, const char *from, size_t size) {
  int fd = (int)(long)cookie;
  if (!enter()) return returned(sys(SYS_write, fd, from, size));
  struct iovec part = {(void *)from, size};
  long result = stream_write(fd, &part, 1);
  wrap_leave();
  // Such a function tells of a failure by having written nothing. fopencookie(3)
  if (result >= 0) return result;
  returned(result);
  return 0;
}

static int cookie_seek(void *cookie, off64_t *offset, int whence) {
  int fd = (int)(long)cookie;
  bool entered = enter();
  long result = entered ? file_seek(fd, *offset, whence) : sys(SYS_lseek, fd, *offset, whence);
  if (entered) wrap_leave();
  if (result < 0) return (int)returned(result);
  *offset = result;
  return 0;
}

static int cookie_close(void *cookie) {
  return close((int)(long)cookie);
}

static FILE *stream_of(int fd, const char *mode) {
  long cookie = fd | (draws(fd) ? DRAWS : 0);
  cookie_io_functions_t functions = {cookie_read, cookie_write, cookie_seek, cookie_close};
  FILE *stream = fopencookie((void *)cookie, mode, functions);
  // Such a stream has no descriptor of its own; `fileno` gives this one, and nothing else looks at it.
  if (stream != 0) stream->_fileno = fd;
  return stream;
}

/** @returns flags of the open; -1: the mode makes no sense */
static int flags_of(const char *mode) {
  int flags;
  switch (*mode) {
    case 'r':
      flags = O_RDONLY;
      break;
    case 'w':
      flags = O_WRONLY | O_CREAT | O_TRUNC;
      break;
    case 'a':
      flags = O_WRONLY | O_CREAT | O_APPEND;
      break;
    default:
      return -1;
  }
  // As many letters as the C library looks at.
  for (int i = 1; i < 7 && mode[i] != 0 && mode[i] != ','; i++) {
    if (mode[i] == '+') flags = (flags & ~O_ACCMODE) | O_RDWR;
    if (mode[i] == 'x') flags |= O_EXCL;
    if (mode[i] == 'e') flags |= O_CLOEXEC;
  }
  return flags;
}

static bool is_wrapped(void) {
  if (!wrap_enter()) return false;
  wrap_leave();
  return true;
}

static bool is_own_file(int fd) {
  return kind_of(fd) == KIND_FILE;
}

static FILE *open_stream(const char *path, const char *mode) {
  int flags = flags_of(mode);
  if (flags < 0) {
    errno = EINVAL;
    return 0;
  }
  int fd = open(path, flags, 0666);
  if (fd < 0) return 0;
  FILE *stream = is_own_file(fd) ? real(fdopen)(fd, mode) : stream_of(fd, mode);
  if (stream == 0) close(fd);
  return stream;
}

/** One that converts characters is read as the service's own, which it is. */
static bool converts(const char *mode) {
  return strchr(mode, ',') != 0;
}

INTERPOSED FILE *fopen(const char *restrict path, const char *restrict mode) {
  return converts(mode) || !is_wrapped() ? real(fopen)(path, mode) : open_stream(path, mode);
}

INTERPOSED FILE *fopen64(const char *restrict path, const char *restrict mode) {
  return converts(mode) || !is_wrapped() ? real(fopen64)(path, mode) : open_stream(path, mode);
}

/** Whether a stream of this mode can be on the descriptor. */
static bool allows(int fd, const char *mode) {
  int wanted = flags_of(mode);
  long flags = sys(SYS_fcntl, fd, F_GETFL);
  if (wanted < 0 || (flags >= 0 && (flags & O_ACCMODE) != O_RDWR && (flags & O_ACCMODE) != (wanted & O_ACCMODE))) flags = -EINVAL;
  return returned(flags) >= 0;
}

/** A terminal's lines are written one by one, which the C library knows by its descriptor. */
INTERPOSED FILE *fdopen(int fd, const char *mode) {
  if (converts(mode) || !is_wrapped() || is_own_file(fd) || isatty(fd)) return real(fdopen)(fd, mode);
  return allows(fd, mode) ? stream_of(fd, mode) : 0;
}

/* What the C library closes by itself is closed behind the shim's back. */

static void stream_changed(FILE *stream) {
  if (stream != 0) descriptor_changed(fileno_unlocked(stream));
}

INTERPOSED int fclose(FILE *stream) {
  int kept = errno;
  stream_changed(stream);
  errno = kept;
  return real(fclose)(stream);
}

INTERPOSED FILE *freopen(const char *restrict path, const char *restrict mode, FILE *restrict stream) {
  stream_changed(stream);
  FILE *again = real(freopen)(path, mode, stream);
  stream_changed(again);
  return again;
}

INTERPOSED FILE *freopen64(const char *restrict path, const char *restrict mode, FILE *restrict stream) {
  stream_changed(stream);
  FILE *again = real(freopen64)(path, mode, stream);
  stream_changed(again);
  return again;
}

/** The table of mounts is a link into /proc. */
INTERPOSED FILE *setmntent(const char *path, const char *mode) {
  char kept[8] = "";
  if (!is_wrapped() || strlen(mode) + 2 > sizeof kept) return real(setmntent)(path, mode);
  strcat(strcpy(kept, mode), "e");
  FILE *stream = open_stream(path, kept);
  if (stream != 0) __fsetlocking(stream, FSETLOCKING_BYCALLER);
  return stream;
}

INTERPOSED int endmntent(FILE *stream) {
  if (stream != 0) fclose(stream);
  return 1;
}
