/* Reading and writing by kind of descriptor; what `files.c` does for regular files, this does for the rest. */
#ifndef NORTH_STREAMS_H
#define NORTH_STREAMS_H

#include <stdint.h>
#include <sys/uio.h>

/** @returns as the system call, -errno; of any descriptor. The caller has entered. */
long stream_read(int fd, const struct iovec *parts, int count);
long stream_write(int fd, const struct iovec *parts, int count);

#endif
