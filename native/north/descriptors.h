/*
 * What a descriptor is, which decides whether a replay finds the same input there by itself. Read docs/north.md for the table.
 */
#ifndef NORTH_DESCRIPTORS_H
#define NORTH_DESCRIPTORS_H

#include <stdbool.h>

enum kind {
  KIND_UNKNOWN,
  KIND_STREAM,   /* socket that carries bytes: fed by the log, or written by the server's own processes. Lengths are recorded */
  KIND_PIPE,     /* likewise, but no socket */
  KIND_MESSAGES, /* local datagrams between the server's own processes: sent in one order */
  KIND_FILE,     /* regular file: the replica's own has the same content, if calls come in one order */
  KIND_CONTENT,  /* UDP, devices, /proc…: recorded with what was read */
  KIND_EVENTS,   /* eventfd, inotify: likewise, and what was read is taken away */
  KIND_SIGNALS,  /* signalfd: likewise */
  KIND_TIMER     /* timerfd: likewise, and it does not ring again for that */
};

enum kind kind_of(int fd);
bool is_tcp_listener(int fd);

/** The number means something else from now on. */
void descriptor_changed(int fd);

/**
 * A call that has done a part ends well, even if its connection has failed meanwhile: of that the kernel tells the next call, and only that. Where the
 * shim makes several calls of the one, it is the shim that was told. Errors are -errno; those that the kernel tells as often as it is asked are not owed.
 */
void descriptor_owes(int fd, long error);
/** @returns the error of which the next call is to tell; 0: there is none. It is not owed any more. */
long descriptor_owed(int fd);
/** The program knows: nobody is to tell it again, neither the kernel of a replica to which the failure came later. */
void descriptor_told(int fd, long error);

/** Whether calls on it return rather than wait. */
bool is_nonblocking(int fd);

#endif
