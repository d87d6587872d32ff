/*
 * Locks of files, which processes take in one order. One that is free is taken within the order; one that must be waited for is waited for
 * outside of it and then has its number, after the release that let it go. A file that is closed, and a process that ends, releases without a number: so
 * a replay waits for every lock that the primary got, and tries none that it did not get.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "blocking.h"
#include "descriptors.h"
#include "files.h"
#include "real.h"

/** The two ways to ask for the same lock: sys(number, fd, command, range) */
struct lock_call {
  long number;
  int fd;
  long attempt, wait;
  struct flock *range;
};

static long take_again(const struct north_record *record, int32_t object, const struct lock_call *call) {
  long result = record->result, made = 0;
  order_begin(record);
  if (result >= 0) {
    do made = sys(call->number, call->fd, call->wait, call->range);
    while (made == -EINTR);
  } else if (call->number == SYS_flock && result == -EWOULDBLOCK) {
    // Who wanted another kind of lock has lost the one that it had.
    sys(SYS_flock, call->fd, LOCK_UN);
  }
  if (made < 0) diverged(record, NORTH_LOCK, object, "a lock cannot be taken again");
  order_end(record, NORTH_LOCK, object, result);
  return result;
}

static long take(const struct lock_call *call, bool waits) {
  int32_t object = FILE_CALL(call->number, call->fd);
  const struct north_record *record = recorded(NORTH_LOCK, object);
  if (record != 0) return take_again(record, object, call);
  order_begin(0);
  long result = sys(call->number, call->fd, call->attempt, call->range);
  if (waits && (result == -EAGAIN || result == -EACCES)) {
    lock_leave();
    do result = blocking(sys(call->number, call->fd, call->wait, call->range));
    while (result == -EINTR && signal_restarts());
    order_begin(0);
  }
  order_end(0, NORTH_LOCK, object, result);
  return result;
}

/** Who has it; processes have the same numbers on both replicas. */
static long ask(int fd, int command, struct flock *range) {
  int32_t object = FILE_CALL(SYS_fcntl, fd);
  const struct north_record *record = recorded(NORTH_LOCK, object);
  long result;
  if (record != 0) {
    result = record->result;
    if (result >= 0) __builtin_memcpy(range, payload_of(record), sizeof *range);
    replay_taken(record);
  } else {
    result = sys(SYS_fcntl, fd, command, range);
    record_bytes(NORTH_LOCK, object, result, 0, range, result < 0 ? 0 : sizeof *range);
  }
  return result;
}

static bool is_lock(int command) {
  return command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK || command == F_OFD_SETLKW;
}

static int lock_range(int fd, int command, struct flock *range) {
  if (!wrap_enter()) return (int)returned(sys(SYS_fcntl, fd, command, range));
  long result;
  if (!is_lock(command)) {
    result = ask(fd, command, range);
  } else {
    bool open = command == F_OFD_SETLK || command == F_OFD_SETLKW;
    struct lock_call call = {SYS_fcntl, fd, open ? F_OFD_SETLK : F_SETLK, open ? F_OFD_SETLKW : F_SETLKW, range};
    result = take(&call, command == F_SETLKW || command == F_OFD_SETLKW);
  }
  wrap_leave();
  return (int)returned(result);
}

static int control(int fd, int command, void *argument) {
  if (is_lock(command) || command == F_GETLK || command == F_OFD_GETLK) return lock_range(fd, command, argument);
  int result = real(fcntl)(fd, command, argument);
  if (result >= 0 && (command == F_DUPFD || command == F_DUPFD_CLOEXEC)) descriptor_changed(result);
  return result;
}

/* A number is passed as a pointer is. */
#define ARGUMENT_AFTER(command)        \
  ({                                   \
    va_list rest_;                     \
    va_start(rest_, command);          \
    void *argument_ = va_arg(rest_, void *); \
    va_end(rest_);                     \
    argument_;                         \
  })

INTERPOSED int fcntl(int fd, int command, ...) {
  return control(fd, command, ARGUMENT_AFTER(command));
}

INTERPOSED int fcntl64(int fd, int command, ...) {
  return control(fd, command, ARGUMENT_AFTER(command));
}

INTERPOSED int flock(int fd, int operation) {
  if (!wrap_enter()) return (int)returned(sys(SYS_flock, fd, operation));
  struct lock_call call = {SYS_flock, fd, operation | LOCK_NB, operation & ~LOCK_NB, 0};
  long result = take(&call, (operation & LOCK_NB) == 0);
  wrap_leave();
  return (int)returned(result);
}

/** Whether somebody else has it. */
static int test_lock(int fd, struct flock *range) {
  range->l_type = F_RDLCK;
  if (lock_range(fd, F_GETLK, range) < 0) return -1;
  return range->l_type == F_UNLCK || range->l_pid == getpid() ? 0 : (int)returned(-EACCES);
}

static int lock_from_here(int fd, int command, int64_t length) {
  struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_CUR, .l_len = length};
  switch (command) {
    case F_TEST:
      return test_lock(fd, &range);
    case F_ULOCK:
      range.l_type = F_UNLCK;
      return lock_range(fd, F_SETLK, &range);
    case F_LOCK:
      return lock_range(fd, F_SETLKW, &range);
    case F_TLOCK:
      return lock_range(fd, F_SETLK, &range);
    default:
      return (int)returned(-EINVAL);
  }
}

INTERPOSED int lockf(int fd, int command, off_t length) {
  return lock_from_here(fd, command, length);
}

INTERPOSED int lockf64(int fd, int command, off64_t length) {
  return lock_from_here(fd, command, length);
}
