/*
 * Calls that change what the processes of a service share on disk, or read it: each is made also in a replay, on the replica's own files, in one
 * order over all processes. A result that differs from the recorded one is a divergence. What merely tells (status.c, directories.c)
 * is given from the recording instead.
 */
#ifndef NORTH_FILES_H
#define NORTH_FILES_H

#include <linux/openat2.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "recording.h"
#include "sys.h"

/** The object of a FILE record: the system call, and the descriptor if there is one. */
#define BY_NAME 0xfffff
#define FILE_CALL(number, fd) ((int32_t)((uint32_t)(number) << 20 | ((uint32_t)(fd)&BY_NAME)))

/** Around such a call, between `wrap_enter` and `wrap_leave`. @returns the record, if it is done again. */
const struct north_record *file_begins(int32_t object);
/** @param result -errno if it failed. @returns it */
long file_ends(const struct north_record *record, int32_t object, long result);

/** A whole interposed function: in_order(FILE_CALL(SYS_ftruncate, fd), sys(SYS_ftruncate, fd, length)) */
#define in_order(object, call)                                            \
  ({                                                                      \
    long result_;                                                         \
    if (!wrap_enter()) {                                                  \
      result_ = (call);                                                   \
    } else {                                                              \
      const struct north_record *record_ = file_begins(object);           \
      result_ = file_ends(record_, object, (call));                       \
      wrap_leave();                                                       \
    }                                                                     \
    result_;                                                              \
  })

/** openat2(2), for which the C library has no function. */
long open_how(int at, const char *path, const struct open_how *how, size_t size);

/* Between `wrap_enter` and `wrap_leave`. They return -errno. */

/** Of a descriptor of KIND_FILE. @param offset where; negative: where it stands */
long file_read(int fd, const struct iovec *parts, int count, int64_t offset);
long file_write(int fd, const struct iovec *parts, int count, int64_t offset);

/** Of any descriptor. */
long file_seek(int fd, int64_t offset, int whence);

#endif
