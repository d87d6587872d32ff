/* What is in files, and how long they are. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "descriptors.h"
#include "files.h"
#include "real.h"
#include "token.h"

/* A call that would rather fail than wait for the disk waits: how soon the disk answers is no part of a recording. */
#define KEPT_FLAGS (~RWF_NOWAIT)

static long transfer(long number, long number_at, int fd, const struct iovec *parts, int count, int64_t offset, int flags) {
  int32_t object = FILE_CALL(offset < 0 ? number : number_at, fd);
  const struct north_record *record = file_begins(object);
  long result;
  if (flags != 0) result = sys(number_at == SYS_preadv ? SYS_preadv2 : SYS_pwritev2, fd, parts, count, offset, 0, flags);
  else if (offset < 0) result = sys(number, fd, parts, count);
  else result = sys(number_at, fd, parts, count, offset, 0);
  return file_ends(record, object, result);
}

long file_read(int fd, const struct iovec *parts, int count, int64_t offset) {
  return transfer(SYS_readv, SYS_preadv, fd, parts, count, offset, 0);
}

long file_write(int fd, const struct iovec *parts, int count, int64_t offset) {
  return transfer(SYS_writev, SYS_pwritev, fd, parts, count, offset, 0);
}

static void scatter(const struct iovec *parts, int count, const uint8_t *from, size_t length) {
  for (int i = 0; i < count && length > 0; i++) {
    size_t piece = parts[i].iov_len < length ? parts[i].iov_len : length;
    if (piece > 0) __builtin_memcpy(parts[i].iov_base, from, piece);
    from += piece;
    length -= piece;
  }
}

/** Of what is no file of the service's own: a host's answers and devices. Only the first part, which a short read may be. */
static long read_content(int fd, const struct iovec *parts, int count, int64_t offset) {
  int32_t object = FILE_CALL(SYS_preadv, fd);
  const struct north_record *record = recorded(NORTH_READ, object);
  long result;
  if (record != 0) {
    result = record->result;
    if (result > 0) scatter(parts, count, payload_of(record), (size_t)result);
    replay_taken(record);
  } else {
    struct iovec first = count > 0 ? parts[0] : (struct iovec){0, 0};
    if (first.iov_len > NORTH_PAYLOAD_MAX) first.iov_len = NORTH_PAYLOAD_MAX;
    result = sys(SYS_pread64, fd, first.iov_base, first.iov_len, offset);
    record_bytes(NORTH_READ, object, result, 0, first.iov_base, result > 0 ? (size_t)result : 0);
  }
  return result;
}

static long write_content(int fd, const struct iovec *parts, int count, int64_t offset) {
  int32_t object = FILE_CALL(SYS_pwritev, fd);
  const struct north_record *record = recorded(NORTH_WRITE, object);
  long result = sys(SYS_pwritev, fd, parts, count, offset, 0);
  if (record != 0) {
    result = record->result;
    replay_taken(record);
  } else {
    record_result(NORTH_WRITE, object, result, 0);
  }
  return result;
}

static long read_piece(int fd, const struct iovec *parts, int count, int64_t offset, int flags) {
  if (!wrap_enter()) return sys(SYS_preadv2, fd, parts, count, offset, 0, flags);
  long result;
  enum kind kind = kind_of(fd);
  if (kind == KIND_FILE) result = transfer(SYS_readv, SYS_preadv, fd, parts, count, offset, flags & KEPT_FLAGS);
  else if (kind == KIND_CONTENT) result = read_content(fd, parts, count, offset);
  else result = sys(SYS_preadv, fd, parts, count, offset, 0); // which cannot be
  wrap_leave();
  return result;
}

static long write_piece(int fd, const struct iovec *parts, int count, int64_t offset, int flags) {
  if (!wrap_enter()) return sys(SYS_pwritev2, fd, parts, count, offset, 0, flags);
  long result;
  enum kind kind = kind_of(fd);
  if (kind == KIND_FILE) result = transfer(SYS_writev, SYS_pwritev, fd, parts, count, offset, flags & KEPT_FLAGS);
  else if (kind == KIND_CONTENT) result = write_content(fd, parts, count, offset);
  else result = sys(SYS_pwritev, fd, parts, count, offset, 0);
  wrap_leave();
  return result;
}

/* While a piece is read or written, no other process can have a call recorded; and the backup begins it when the primary has done it. */
#define PIECE_BYTES (256 << 10)
#define PIECE_PARTS 16

/** What of `parts` is behind its first `skipped` bytes, as far as a piece goes. @returns number of parts of the piece */
static int cut(struct iovec *piece, const struct iovec *parts, int count, size_t skipped) {
  size_t room = PIECE_BYTES;
  int filled = 0;
  for (int i = 0; i < count && filled < PIECE_PARTS && room > 0; i++) {
    if (skipped >= parts[i].iov_len) {
      skipped -= parts[i].iov_len;
      continue;
    }
    size_t length = parts[i].iov_len - skipped < room ? parts[i].iov_len - skipped : room;
    piece[filled++] = (struct iovec){(uint8_t *)parts[i].iov_base + skipped, length};
    room -= length;
    skipped = 0;
  }
  return filled;
}

static size_t length_of(const struct iovec *parts, int count) {
  size_t length = 0;
  for (int i = 0; i < count; i++) length += parts[i].iov_len;
  return length;
}

typedef long piece_call(int fd, const struct iovec *parts, int count, int64_t offset, int flags);

/** A large part of a file piece by piece, where the call says at which place of it. */
static ssize_t by_pieces(piece_call call, int fd, const struct iovec *parts, int count, int64_t offset, int flags) {
  bool whole = offset < 0 || (flags & RWF_APPEND) != 0 || count < 0 || length_of(parts, count) <= PIECE_BYTES;
  if (whole) return returned(call(fd, parts, count, offset, flags));
  size_t done = 0;
  for (;;) {
    struct iovec piece[PIECE_PARTS];
    int filled = cut(piece, parts, count, done);
    if (filled == 0) return (ssize_t)done;
    long result = call(fd, piece, filled, offset + (int64_t)done, flags);
    if (result < 0) return done > 0 ? (ssize_t)done : returned(result);
    done += (size_t)result;
    if ((size_t)result < length_of(piece, filled)) return (ssize_t)done;
  }
}

static ssize_t read_at(int fd, const struct iovec *parts, int count, int64_t offset, int flags) {
  return by_pieces(read_piece, fd, parts, count, offset, flags);
}

static ssize_t write_at(int fd, const struct iovec *parts, int count, int64_t offset, int flags) {
  return by_pieces(write_piece, fd, parts, count, offset, flags);
}

static ssize_t read_one(int fd, void *into, size_t length, int64_t offset) {
  struct iovec part = {into, length};
  return offset < 0 ? returned(-EINVAL) : read_at(fd, &part, 1, offset, 0);
}

static ssize_t write_one(int fd, const void *from, size_t length, int64_t offset) {
  struct iovec part = {(void *)from, length};
  return offset < 0 ? returned(-EINVAL) : write_at(fd, &part, 1, offset, 0);
}

INTERPOSED ssize_t pread(int fd, void *into, size_t length, off_t offset) {
  return read_one(fd, into, length, offset);
}

INTERPOSED ssize_t pread64(int fd, void *into, size_t length, off64_t offset) {
  return read_one(fd, into, length, offset);
}

INTERPOSED ssize_t pwrite(int fd, const void *from, size_t length, off_t offset) {
  return write_one(fd, from, length, offset);
}

INTERPOSED ssize_t pwrite64(int fd, const void *from, size_t length, off64_t offset) {
  return write_one(fd, from, length, offset);
}

INTERPOSED ssize_t preadv(int fd, const struct iovec *parts, int count, off_t offset) {
  return offset < 0 ? returned(-EINVAL) : read_at(fd, parts, count, offset, 0);
}

INTERPOSED ssize_t preadv64(int fd, const struct iovec *parts, int count, off64_t offset) {
  return offset < 0 ? returned(-EINVAL) : read_at(fd, parts, count, offset, 0);
}

INTERPOSED ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  return offset < 0 ? returned(-EINVAL) : write_at(fd, parts, count, offset, 0);
}

INTERPOSED ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
  return offset < 0 ? returned(-EINVAL) : write_at(fd, parts, count, offset, 0);
}

/* Of offset -1 they are readv and writev, with flags. */

INTERPOSED ssize_t preadv2(int fd, const struct iovec *parts, int count, off_t offset, int flags) {
  return offset == -1 && kind_of(fd) != KIND_FILE ? readv(fd, parts, count) : read_at(fd, parts, count, offset, flags);
}

INTERPOSED ssize_t preadv64v2(int fd, const struct iovec *parts, int count, off64_t offset, int flags) {
  return preadv2(fd, parts, count, offset, flags);
}

INTERPOSED ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t offset, int flags) {
  return offset == -1 && kind_of(fd) != KIND_FILE ? writev(fd, parts, count) : write_at(fd, parts, count, offset, flags);
}

INTERPOSED ssize_t pwritev64v2(int fd, const struct iovec *parts, int count, off64_t offset, int flags) {
  return pwritev2(fd, parts, count, offset, flags);
}

/* _FORTIFY_SOURCE */
ssize_t __pread_chk(int fd, void *into, size_t length, off_t offset, size_t room);
ssize_t __pread64_chk(int fd, void *into, size_t length, off64_t offset, size_t room);
void __chk_fail(void) __attribute__((noreturn));

INTERPOSED ssize_t __pread_chk(int fd, void *into, size_t length, off_t offset, size_t room) {
  if (length > room) __chk_fail();
  return read_one(fd, into, length, offset);
}

INTERPOSED ssize_t __pread64_chk(int fd, void *into, size_t length, off64_t offset, size_t room) {
  if (length > room) __chk_fail();
  return read_one(fd, into, length, offset);
}

/** A directory's positions are the file system's own; they mean something to getdents alone (directories.c). */
static long seek_file(int fd, int64_t offset, int whence) {
  int32_t object = FILE_CALL(SYS_lseek, fd);
  const struct north_record *record = file_begins(object);
  long result = sys(SYS_lseek, fd, offset, whence);
  if (record != 0 && record->result != result) {
    struct stat about;
    if (sys(SYS_fstat, fd, &about) == 0 && S_ISDIR(about.st_mode)) result = record->result;
  }
  return file_ends(record, object, result);
}

/** The host's answers differ in length. */
static long seek_content(int fd, int64_t offset, int whence) {
  int32_t object = FILE_CALL(SYS_lseek, fd);
  const struct north_record *record = recorded(NORTH_STAT, object);
  long result = sys(SYS_lseek, fd, offset, whence);
  if (record != 0) {
    result = record->result;
    replay_taken(record);
  } else {
    record_result(NORTH_STAT, object, result, 0);
  }
  return result;
}

long file_seek(int fd, int64_t offset, int whence) {
  switch (kind_of(fd)) {
    case KIND_FILE:
      return seek_file(fd, offset, whence);
    case KIND_CONTENT:
      return seek_content(fd, offset, whence);
    default:
      return sys(SYS_lseek, fd, offset, whence);
  }
}

static int64_t seek(int fd, int64_t offset, int whence) {
  if (!wrap_enter()) return returned(sys(SYS_lseek, fd, offset, whence));
  long result = file_seek(fd, offset, whence);
  wrap_leave();
  return returned(result);
}

INTERPOSED off_t lseek(int fd, off_t offset, int whence) {
  return seek(fd, offset, whence);
}

INTERPOSED off64_t lseek64(int fd, off64_t offset, int whence) {
  return seek(fd, offset, whence);
}

INTERPOSED int truncate(const char *path, off_t length) {
  return (int)returned(in_order(FILE_CALL(SYS_truncate, BY_NAME), sys(SYS_truncate, path, length)));
}

INTERPOSED int truncate64(const char *path, off64_t length) {
  return (int)returned(in_order(FILE_CALL(SYS_truncate, BY_NAME), sys(SYS_truncate, path, length)));
}

INTERPOSED int ftruncate(int fd, off_t length) {
  return (int)returned(in_order(FILE_CALL(SYS_ftruncate, fd), sys(SYS_ftruncate, fd, length)));
}

INTERPOSED int ftruncate64(int fd, off64_t length) {
  return (int)returned(in_order(FILE_CALL(SYS_ftruncate, fd), sys(SYS_ftruncate, fd, length)));
}

static long allocate(int fd, int mode, int64_t offset, int64_t length) {
  return in_order(FILE_CALL(SYS_fallocate, fd), sys(SYS_fallocate, fd, mode, offset, length));
}

INTERPOSED int fallocate(int fd, int mode, off_t offset, off_t length) {
  return (int)returned(allocate(fd, mode, offset, length));
}

INTERPOSED int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
  return (int)returned(allocate(fd, mode, offset, length));
}

/** Where the file system cannot, the C library writes. */
static int allocate_anyhow(int fd, int64_t offset, int64_t length) {
  return (int)-in_order(FILE_CALL(SYS_fallocate, fd), -(long)real(posix_fallocate)(fd, offset, length));
}

INTERPOSED int posix_fallocate(int fd, off_t offset, off_t length) {
  return allocate_anyhow(fd, offset, length);
}

INTERPOSED int posix_fallocate64(int fd, off64_t offset, off64_t length) {
  return allocate_anyhow(fd, offset, length);
}

/** As much as was copied then, in as many pieces as it takes here; what was not copied then (EXDEV) is not here either. */
static long copy_again(long wanted, int from, off64_t *from_at, int to, off64_t *to_at, unsigned flags) {
  long copied = 0;
  while (copied < wanted) {
    long piece = sys(SYS_copy_file_range, from, from_at, to, to_at, wanted - copied, flags);
    if (piece <= 0) return copied > 0 ? copied : piece;
    copied += piece;
  }
  return wanted;
}

static long copy(int from, off64_t *from_at, int to, off64_t *to_at, size_t length, unsigned flags) {
  int32_t object = FILE_CALL(SYS_copy_file_range, to);
  const struct north_record *record = file_begins(object);
  long result;
  if (record != 0) result = copy_again(record->result, from, from_at, to, to_at, flags);
  else result = sys(SYS_copy_file_range, from, from_at, to, to_at, length, flags);
  return file_ends(record, object, result);
}

INTERPOSED ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t length, unsigned flags) {
  if (!wrap_enter()) return returned(sys(SYS_copy_file_range, from, from_at, to, to_at, length, flags));
  long result = copy(from, from_at, to, to_at, length, flags);
  wrap_leave();
  return returned(result);
}

/**
 * Changes nothing that anybody can see, so it needs no order; other threads run meanwhile. A replay sends the data on its way without waiting for
 * the disk: it is to catch up, and what it has told nobody yet is still in the log.
 */
static int flush(long number, int fd) {
  if (!wrap_enter()) return (int)returned(sys(number, fd));
  const struct north_record *record = recorded(NORTH_STAT, FILE_CALL(number, fd));
  long result;
  if (record != 0) {
    result = record->result;
    replay_taken(record);
    sys(SYS_sync_file_range, fd, 0, 0, SYNC_FILE_RANGE_WRITE);
  } else {
    token_release();
    result = sys(number, fd);
    token_acquire();
    record_result(NORTH_STAT, FILE_CALL(number, fd), result, 0);
  }
  wrap_leave();
  return (int)returned(result);
}

INTERPOSED int fsync(int fd) {
  return flush(SYS_fsync, fd);
}

INTERPOSED int fdatasync(int fd) {
  return flush(SYS_fdatasync, fd);
}
