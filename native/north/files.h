/* Regular files: the replica's own, touched in the order of all processes. */
#ifndef NORTH_FILES_H
#define NORTH_FILES_H

#include <stdint.h>
#include <sys/uio.h>

/** @param offset negative: the file's own position. The caller has entered. @returns as the system call, -errno */
long file_read(int fd, const struct iovec *parts, int count, int64_t offset);
long file_write(int fd, const struct iovec *parts, int count, int64_t offset);

#endif
