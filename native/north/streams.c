/*
 * Bytes in and out. What a client sent is fed by the log, and what the server's own processes send each other is sent again: of these only
 * lengths are recorded, and a replay waits until that much is there. Any other input is recorded with its content. Table: docs/north.md
 */
#define _GNU_SOURCE
#include "streams.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/sockios.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include "clocks.h"
#include "descriptors.h"
#include "files.h"
#include "real.h"
#include "recording.h"
#include "signals.h"
#include "sys.h"
#include "timers.h"

/* More are taken in several rounds. */
#define PARTS_MAX 64

static size_t total(const struct iovec *parts, int count) {
  size_t sum = 0;
  for (int i = 0; i < count; i++) sum += parts[i].iov_len;
  return sum;
}

/** The parts from `skip` bytes on, `length` bytes of them. @returns how many */
static int narrow(const struct iovec *parts, int count, size_t skip, size_t length, struct iovec *into) {
  int made = 0;
  for (int i = 0; i < count && length > 0 && made < PARTS_MAX; i++) {
    size_t had = parts[i].iov_len;
    if (skip >= had) {
      skip -= had;
      continue;
    }
    size_t piece = had - skip < length ? had - skip : length;
    into[made++] = (struct iovec){(char *)parts[i].iov_base + skip, piece};
    length -= piece;
    skip = 0;
  }
  return made;
}

/** Of a blocking call that found nothing: its own time limit. socket(7), SO_RCVTIMEO */
static int64_t patience(int fd, int option) {
  struct timeval limit = {0, 0};
  uint32_t length = sizeof limit;
  if (sys(SYS_getsockopt, fd, SOL_SOCKET, option, &limit, &length) < 0) return -1;
  return limit.tv_sec == 0 && limit.tv_usec == 0 ? -1 : limit.tv_sec * NANOSECONDS + limit.tv_usec * 1000;
}

/** Waits as a blocking call would. @returns 0: try again. */
static long await(int fd, short events, int64_t ns) {
  struct pollfd ready = {fd, events, 0};
  for (;;) {
    long result = wait_ready(&ready, 1, wait_left(ns), 0);
    if (result > 0) return 0;
    if (result == 0) return -EAGAIN;
    if (result != -EINTR || !signal_restarts()) return result;
  }
}

/** In a replay: until it can be done; what the primary did, this host will be able to do. */
static void await_here(int fd, short events) {
  struct pollfd ready = {fd, events, 0};
  sys(SYS_ppoll, &ready, 1, 0, 0, 0);
}

/* ---- receiving ---- */

/** Kernels before 6.4 have no calls on pipes that do not wait: then it is looked first. */
static bool must_look(long result) {
  return result == -EOPNOTSUPP || result == -ENOSYS;
}

/** @returns at once. */
static long try_receive(int fd, enum kind kind, struct msghdr *message, int flags) {
  if (kind != KIND_PIPE) return sys(SYS_recvmsg, fd, message, flags | MSG_DONTWAIT);
  long result = sys(SYS_preadv2, fd, message->msg_iov, message->msg_iovlen, -1, -1, RWF_NOWAIT);
  if (!must_look(result)) return result;
  struct pollfd ready = {fd, POLLIN, 0};
  struct timespec none = {0, 0};
  if (sys(SYS_ppoll, &ready, 1, &none, 0, 0) == 0) return -EAGAIN;
  return sys(SYS_readv, fd, message->msg_iov, message->msg_iovlen);
}

/**
 * A call on a stream that waits after it has done a part of its work lets others see that part: it has a record of its own, and the last one tells
 * of the rest. In the detail of a record: it is not the last one.
 */
#define MORE (1u << 31)

static void tell_part(enum north_call call, int fd, size_t done, size_t *told) {
  if (done > *told) record_result(call, fd, (long)(done - *told), MORE);
  *told = done;
}

/** @param told of the call by earlier records. @returns what the last one is to tell */
static long receive_now(int fd, enum kind kind, struct msghdr *message, int flags, size_t *told) {
  bool waits = (flags & MSG_DONTWAIT) == 0;
  size_t wanted = (flags & MSG_WAITALL) != 0 && kind == KIND_STREAM ? total(message->msg_iov, (int)message->msg_iovlen) : 1;
  size_t done = *told;
  struct iovec rest[PARTS_MAX];
  struct msghdr piece = *message;
  for (;;) {
    if (done > 0) {
      piece.msg_iovlen = (size_t)narrow(message->msg_iov, (int)message->msg_iovlen, done, SIZE_MAX, rest);
      piece.msg_iov = rest;
    }
    long result = try_receive(fd, kind, &piece, flags & ~MSG_WAITALL), owed = 0;
    if (result > 0) done += (size_t)result;
    if (done == 0 && (result == 0 || result == -EAGAIN)) owed = descriptor_owed(fd);
    if (owed < 0) result = owed;
    if (result < 0 && result != -EAGAIN) tell_part(NORTH_READ, fd, done, told);
    if (result == 0 || done >= wanted || (result < 0 && result != -EAGAIN)) {
      message->msg_flags = piece.msg_flags;
      message->msg_namelen = piece.msg_namelen;
      message->msg_controllen = piece.msg_controllen;
      return done > *told ? (long)(done - *told) : result;
    }
    if (result == -EAGAIN) {
      if (!waits || is_nonblocking(fd)) return done > *told ? (long)(done - *told) : -EAGAIN;
      tell_part(NORTH_READ, fd, done, told);
      long waited = await(fd, POLLIN, patience(fd, SO_RCVTIMEO));
      if (waited < 0) return waited;
    }
  }
}

/** As many bytes as the primary's call returned: they come, for the log has them or a process of this server will send them. */
static void receive_again(int fd, enum kind kind, const struct north_record *record, struct msghdr *message, int flags, size_t done) {
  size_t length = done + (size_t)record->result;
  struct iovec rest[PARTS_MAX];
  struct msghdr piece = *message;
  while (done < length) {
    piece.msg_iovlen = (size_t)narrow(message->msg_iov, (int)message->msg_iovlen, done, length - done, rest);
    piece.msg_iov = rest;
    long result = try_receive(fd, kind, &piece, flags & ~MSG_WAITALL);
    if (result == -EAGAIN || result == -EINTR) {
      await_here(fd, POLLIN);
    } else if (result <= 0) {
      diverged(record, NORTH_READ, fd, "the input ends before what was read");
    } else if ((flags & MSG_PEEK) == 0) {
      done += (size_t)result;
    } else if (result == record->result) {
      break;
    } else {
      struct timespec moment = {0, 200000};
      sys(SYS_nanosleep, &moment, 0);
    }
  }
  message->msg_flags = piece.msg_flags;
  message->msg_namelen = piece.msg_namelen;
  message->msg_controllen = piece.msg_controllen;
}

static long receive_stream(int fd, enum kind kind, struct msghdr *message, int flags) {
  size_t done = 0;
  bool more = true;
  long result;
  do {
    const struct north_record *record = recorded(NORTH_READ, fd);
    if (record == 0) {
      result = receive_now(fd, kind, message, flags, &done);
      more = false;
      record_result(NORTH_READ, fd, result, (uint32_t)message->msg_flags & ~MORE);
      if (done == 0) {
        descriptor_told(fd, result);
        return result;
      }
    } else {
      result = record->result;
      more = (record->detail & MORE) != 0;
      if (result > 0) receive_again(fd, kind, record, message, flags, done);
      replay_taken(record);
    }
    if (result > 0) done += (size_t)result;
  } while (more);
  if (done > 0) {
    descriptor_owes(fd, result);
    return (long)done;
  }
  descriptor_told(fd, result);
  message->msg_controllen = 0;
  message->msg_namelen = 0;
  message->msg_flags = 0;
  return result;
}

/* One datagram is one message, and nothing tells a replay that it is complete but its end. */
static long receive_message(int fd, struct msghdr *message, int flags) {
  const struct north_record *record = recorded(NORTH_READ, fd);
  if (record == 0) {
    size_t none = 0;
    long result = receive_now(fd, KIND_MESSAGES, message, flags, &none);
    record_result(NORTH_READ, fd, result, (uint32_t)message->msg_flags);
    return result;
  }
  long result = record->result;
  if (result >= 0) {
    long got;
    while ((got = sys(SYS_recvmsg, fd, message, flags | MSG_DONTWAIT)) == -EAGAIN || got == -EINTR) await_here(fd, POLLIN);
    if (got != result) diverged(record, NORTH_READ, fd, "another message");
  }
  replay_taken(record);
  return result;
}

/** What a replay is given with it: sizes, then sender, control data and bytes. */
struct content {
  uint32_t name, control, flags, length;
};
/* A datagram is 65,507 bytes long at most, and what else is read can be read in pieces. */
#define CONTENT_MOST (NORTH_PAYLOAD_MAX - 512)

static void scatter(const struct iovec *parts, int count, const uint8_t *from, size_t length) {
  for (int i = 0; i < count && length > 0; i++) {
    size_t piece = parts[i].iov_len < length ? parts[i].iov_len : length;
    __builtin_memcpy(parts[i].iov_base, from, piece);
    from += piece;
    length -= piece;
  }
}

static bool is_socket(int fd) {
  int type;
  uint32_t length = sizeof type;
  return sys(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0;
}

static long receive_content_now(int fd, enum kind kind, struct msghdr *message, int flags) {
  struct iovec parts[PARTS_MAX];
  struct msghdr piece = *message;
  piece.msg_iovlen = (size_t)narrow(message->msg_iov, (int)message->msg_iovlen, 0, CONTENT_MOST, parts);
  piece.msg_iov = parts;
  size_t none = 0;
  long result = receive_now(fd, is_socket(fd) ? kind : KIND_PIPE, &piece, flags, &none);
  message->msg_flags = piece.msg_flags;
  message->msg_namelen = piece.msg_namelen;
  message->msg_controllen = piece.msg_controllen;
  return result;
}

static void record_content(int fd, const struct msghdr *message, long result) {
  size_t had = total(message->msg_iov, (int)message->msg_iovlen), length = result < 0 ? 0 : (size_t)result;
  // A datagram that was cut says how long it was, where the program asks for that. MSG_TRUNC
  if (length > had) length = had;
  struct content about = {message->msg_name == 0 ? 0 : message->msg_namelen,
                          message->msg_control == 0 ? 0 : (uint32_t)message->msg_controllen, (uint32_t)message->msg_flags,
                          (uint32_t)length};
  struct iovec bytes[PARTS_MAX];
  int count = narrow(message->msg_iov, (int)message->msg_iovlen, 0, length, bytes);
  struct north_part parts[3 + PARTS_MAX] = {
      {&about, sizeof about}, {message->msg_name, about.name}, {message->msg_control, about.control}};
  for (int i = 0; i < count; i++) parts[3 + i] = (struct north_part){bytes[i].iov_base, (uint32_t)bytes[i].iov_len};
  struct north_record made = {.call = NORTH_READ, .object = fd, .result = result};
  lock_take();
  ring_append(made, parts, result < 0 ? 0 : 3 + count);
  lock_leave();
}

/** Whether the same signal is on its way here, if it has not come. */
static bool comes(const uint8_t *signal) {
  const struct signalfd_siginfo *info = (const struct signalfd_siginfo *)signal;
  return info->ssi_pid != 0 && (info->ssi_code == SI_USER || info->ssi_code == SI_QUEUE || info->ssi_code == SI_TKILL);
}

/** What the program has had is not to be there any more when it goes live. */
static void take_away(int fd, enum kind kind, const uint8_t *had, size_t length) {
  uint8_t unused[4096];
  struct timespec none = {0, 0};
  size_t done = 0;
  while (done < length) {
    struct pollfd ready = {fd, POLLIN, 0};
    bool waits = kind == KIND_SIGNALS && comes(had + done);
    if (sys(SYS_ppoll, &ready, 1, waits ? 0 : &none, 0, 0) <= 0) break;
    size_t piece = kind == KIND_SIGNALS ? sizeof(struct signalfd_siginfo) : length - done;
    long result = sys(SYS_read, fd, unused, piece < sizeof unused ? piece : sizeof unused);
    if (result <= 0) return;
    done += (size_t)result;
  }
  if (kind == KIND_TIMER && done == 0) timer_has_rung(fd);
}

static long receive_content(int fd, enum kind kind, struct msghdr *message, int flags) {
  const struct north_record *record = recorded(NORTH_READ, fd);
  if (record == 0) {
    long result = receive_content_now(fd, kind, message, flags);
    record_content(fd, message, result);
    return result;
  }
  long result = record->result;
  if (result >= 0) {
    const struct content *about = payload_of(record);
    const uint8_t *at = (const uint8_t *)(about + 1);
    if (message->msg_name != 0) __builtin_memcpy(message->msg_name, at, about->name);
    at += about->name;
    if (message->msg_control != 0) __builtin_memcpy(message->msg_control, at, about->control);
    at += about->control;
    message->msg_namelen = about->name;
    message->msg_controllen = about->control;
    message->msg_flags = (int)about->flags;
    scatter(message->msg_iov, (int)message->msg_iovlen, at, about->length);
    if (kind != KIND_CONTENT) take_away(fd, kind, at, about->length);
  }
  replay_taken(record);
  return result;
}

static long receive(int fd, struct msghdr *message, int flags) {
  enum kind kind = kind_of(fd);
  switch (kind) {
    case KIND_STREAM:
    case KIND_PIPE:
      return receive_stream(fd, kind, message, flags);
    case KIND_MESSAGES:
      return receive_message(fd, message, flags);
    default:
      return receive_content(fd, kind, message, flags);
  }
}

long stream_read(int fd, const struct iovec *parts, int count) {
  if (kind_of(fd) == KIND_FILE) return file_read(fd, parts, count, -1);
  struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count};
  return receive(fd, &message, 0);
}

INTERPOSED ssize_t read(int fd, void *into, size_t length) {
  if (!wrap_enter()) return returned(sys(SYS_read, fd, into, length));
  struct iovec part = {into, length};
  long result = stream_read(fd, &part, 1);
  wrap_leave();
  return returned(result);
}

INTERPOSED ssize_t readv(int fd, const struct iovec *parts, int count) {
  if (!wrap_enter()) return returned(sys(SYS_readv, fd, parts, count));
  long result = stream_read(fd, parts, count);
  wrap_leave();
  return returned(result);
}

INTERPOSED ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
  if (!wrap_enter()) return returned(sys(SYS_recvmsg, fd, message, flags));
  long result = receive(fd, message, flags);
  wrap_leave();
  return returned(result);
}

INTERPOSED ssize_t recvfrom(int fd, void *restrict into, size_t length, int flags, __SOCKADDR_ARG sender,
                            socklen_t *restrict sender_length) {
  struct iovec part = {into, length};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (sender.__sockaddr__ != 0 && sender_length != 0) {
    message.msg_name = sender.__sockaddr__;
    message.msg_namelen = *sender_length;
  }
  ssize_t result = recvmsg(fd, &message, flags);
  if (result >= 0 && message.msg_name != 0) *sender_length = message.msg_namelen;
  return result;
}

INTERPOSED ssize_t recv(int fd, void *into, size_t length, int flags) {
  return recvfrom(fd, into, length, flags, (__SOCKADDR_ARG){.__sockaddr__ = 0}, 0);
}

/* With the length of what is behind the pointer, for programs that were compiled with _FORTIFY_SOURCE. */
INTERPOSED ssize_t __read_chk(int fd, void *into, size_t length, size_t room) {
  (void)room;
  return read(fd, into, length);
}

INTERPOSED ssize_t __recv_chk(int fd, void *into, size_t length, size_t room, int flags) {
  (void)room;
  return recv(fd, into, length, flags);
}

INTERPOSED ssize_t __recvfrom_chk(int fd, void *restrict into, size_t length, size_t room, int flags, __SOCKADDR_ARG sender,
                                  socklen_t *restrict sender_length) {
  (void)room;
  return recvfrom(fd, into, length, flags, sender, sender_length);
}

/* ---- sending ---- */

static long try_send(int fd, enum kind kind, const struct msghdr *message, int flags) {
  if (kind != KIND_PIPE && kind != KIND_EVENTS) return sys(SYS_sendmsg, fd, message, flags | MSG_DONTWAIT | MSG_NOSIGNAL);
  long result = sys(SYS_pwritev2, fd, message->msg_iov, message->msg_iovlen, -1, -1, RWF_NOWAIT);
  if (!must_look(result)) return result;
  struct pollfd ready = {fd, POLLOUT, 0};
  struct timespec none = {0, 0};
  if (sys(SYS_ppoll, &ready, 1, &none, 0, 0) == 0) return -EAGAIN;
  // For so much there is room.
  struct iovec first[PARTS_MAX];
  return sys(SYS_writev, fd, first, narrow(message->msg_iov, (int)message->msg_iovlen, 0, PIPE_BUF, first));
}

/** @param told of the call by earlier records. @returns what the last one is to tell */
static long send_now(int fd, enum kind kind, const struct msghdr *message, int flags, size_t *told) {
  bool waits = (flags & MSG_DONTWAIT) == 0 && !is_nonblocking(fd);
  size_t wanted = total(message->msg_iov, (int)message->msg_iovlen), done = *told;
  long owed = done == 0 ? descriptor_owed(fd) : 0;
  if (owed < 0) return owed;
  struct iovec rest[PARTS_MAX];
  struct msghdr piece = *message;
  for (;;) {
    if (done > 0) {
      piece.msg_iovlen = (size_t)narrow(message->msg_iov, (int)message->msg_iovlen, done, SIZE_MAX, rest);
      piece.msg_iov = rest;
      piece.msg_control = 0;
      piece.msg_controllen = 0;
    }
    long result = try_send(fd, kind, &piece, flags);
    if (result >= 0) done += (size_t)result;
    // A short write of a call that does not block is the program's to handle.
    if (result < 0 && result != -EAGAIN) tell_part(NORTH_WRITE, fd, done, told);
    if (done >= wanted || (result < 0 && result != -EAGAIN) || !waits) return done > *told ? (long)(done - *told) : result;
    if (result != -EAGAIN) continue;
    tell_part(NORTH_WRITE, fd, done, told);
    long waited = await(fd, POLLOUT, patience(fd, SO_SNDTIMEO));
    if (waited < 0) return waited;
  }
}

static void send_again(int fd, enum kind kind, const struct north_record *record, const struct msghdr *message, int flags,
                       size_t done) {
  size_t length = done + (size_t)record->result;
  struct iovec rest[PARTS_MAX];
  struct msghdr piece = *message;
  while (done < length) {
    piece.msg_iovlen = (size_t)narrow(message->msg_iov, (int)message->msg_iovlen, done, length - done, rest);
    piece.msg_iov = rest;
    long result = try_send(fd, kind, &piece, flags);
    if (result == -EAGAIN || result == -EINTR) {
      await_here(fd, POLLOUT);
    } else if (result < 0) {
      // Whoever was to hear it is gone here already; the server hears of that when the recording says so, or when that is over.
      descriptor_owes(fd, result);
      return;
    } else {
      done += (size_t)result;
      piece.msg_control = 0;
      piece.msg_controllen = 0;
    }
  }
}

static void broken_pipe(long result, int flags) {
  if (result == -EPIPE && (flags & MSG_NOSIGNAL) == 0) sys(SYS_tgkill, sys(SYS_getpid), sys(SYS_gettid), SIGPIPE);
}

static long send_stream(int fd, enum kind kind, const struct msghdr *message, int flags) {
  size_t done = 0;
  bool more;
  const struct north_record *record;
  long result;
  do {
    record = recorded(NORTH_WRITE, fd);
    if (record == 0) {
      result = send_now(fd, kind, message, flags, &done);
      more = false;
      record_result(NORTH_WRITE, fd, result, 0);
    } else {
      result = record->result;
      more = (record->detail & MORE) != 0;
      if (result > 0) send_again(fd, kind, record, message, flags, done);
      replay_taken(record);
    }
    if (result > 0) done += (size_t)result;
  } while (more);
  if (done > 0) {
    descriptor_owes(fd, result);
    return (long)done;
  }
  descriptor_told(fd, result);
  if (kind == KIND_STREAM || record != 0) broken_pipe(result, flags);
  return result;
}

/** Local datagrams arrive in the order in which they were sent, whoever sent them. */
static long send_message(int fd, const struct msghdr *message, int flags) {
  const struct north_record *record = recorded(NORTH_WRITE, fd);
  bool waits = (flags & MSG_DONTWAIT) == 0;
  for (;;) {
    order_begin(record);
    long result = sys(SYS_sendmsg, fd, message, flags | MSG_DONTWAIT | MSG_NOSIGNAL);
    if (record != 0) {
      while (result != record->result && (result == -EAGAIN || result == -EINTR)) {
        await_here(fd, POLLOUT);
        result = sys(SYS_sendmsg, fd, message, flags | MSG_DONTWAIT | MSG_NOSIGNAL);
      }
      result = record->result;
    } else if (result == -EAGAIN && waits && !is_nonblocking(fd)) {
      lock_leave();
      long waited = await(fd, POLLOUT, patience(fd, SO_SNDTIMEO));
      if (waited == 0) continue;
      order_begin(0);
      result = waited;
    }
    order_end(record, NORTH_WRITE, fd, result);
    broken_pipe(result, flags);
    return result;
  }
}

/** UDP, netlink, devices: best effort; only the primary's are heard. */
static long send_content(int fd, const struct msghdr *message, int flags) {
  const struct north_record *record = recorded(NORTH_WRITE, fd);
  bool socket = is_socket(fd);
  long result = socket ? sys(SYS_sendmsg, fd, message, flags) : sys(SYS_writev, fd, message->msg_iov, message->msg_iovlen);
  if (record == 0) {
    record_result(NORTH_WRITE, fd, result, 0);
  } else {
    result = record->result;
    replay_taken(record);
  }
  return result;
}

static long transmit(int fd, const struct msghdr *message, int flags) {
  enum kind kind = kind_of(fd);
  switch (kind) {
    case KIND_STREAM:
    case KIND_PIPE:
    case KIND_EVENTS:
      return send_stream(fd, kind, message, flags);
    case KIND_MESSAGES:
      return send_message(fd, message, flags);
    default:
      return send_content(fd, message, flags);
  }
}

long stream_write(int fd, const struct iovec *parts, int count) {
  if (kind_of(fd) == KIND_FILE) return file_write(fd, parts, count, -1);
  struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count};
  return transmit(fd, &message, 0);
}

INTERPOSED ssize_t write(int fd, const void *from, size_t length) {
  if (!wrap_enter()) return returned(sys(SYS_write, fd, from, length));
  struct iovec part = {(void *)from, length};
  long result = stream_write(fd, &part, 1);
  wrap_leave();
  return returned(result);
}

INTERPOSED ssize_t writev(int fd, const struct iovec *parts, int count) {
  if (!wrap_enter()) return returned(sys(SYS_writev, fd, parts, count));
  long result = stream_write(fd, parts, count);
  wrap_leave();
  return returned(result);
}

INTERPOSED ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  if (!wrap_enter()) return returned(sys(SYS_sendmsg, fd, message, flags));
  long result = transmit(fd, message, flags);
  wrap_leave();
  return returned(result);
}

INTERPOSED ssize_t sendto(int fd, const void *from, size_t length, int flags, __CONST_SOCKADDR_ARG to, socklen_t to_length) {
  struct iovec part = {(void *)from, length};
  struct msghdr message = {
      .msg_name = (void *)to.__sockaddr__, .msg_namelen = to_length, .msg_iov = &part, .msg_iovlen = 1};
  return sendmsg(fd, &message, flags);
}

INTERPOSED ssize_t send(int fd, const void *from, size_t length, int flags) {
  return sendto(fd, from, length, flags, (__CONST_SOCKADDR_ARG){.__sockaddr__ = 0}, 0);
}

INTERPOSED int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags) {
  unsigned sent = 0;
  for (; sent < count; sent++) {
    ssize_t length = sendmsg(fd, &messages[sent].msg_hdr, flags);
    if (length < 0) break;
    messages[sent].msg_len = (unsigned)length;
  }
  return sent == 0 && count > 0 ? -1 : (int)sent;
}

INTERPOSED int recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout) {
  (void)timeout;
  unsigned got = 0;
  for (; got < count; got++) {
    int how = (flags & ~MSG_WAITFORONE) | (got > 0 && (flags & MSG_WAITFORONE) != 0 ? MSG_DONTWAIT : 0);
    ssize_t length = recvmsg(fd, &messages[got].msg_hdr, how);
    if (length < 0) break;
    messages[got].msg_len = (unsigned)length;
  }
  return got == 0 && count > 0 ? -1 : (int)got;
}

/** From a file, whose content the replicas share, to a stream. */
static long send_file(int to, int from, off_t *offset, size_t length) {
  const struct north_record *record = recorded(NORTH_WRITE, to);
  if (record == 0) {
    bool waits = !is_nonblocking(to);
    long result = descriptor_owed(to), done = 0;
    while (result >= 0) {
      struct pollfd ready = {to, POLLOUT, 0};
      struct timespec none = {0, 0};
      if (waits && sys(SYS_ppoll, &ready, 1, &none, 0, 0) == 0) {
        result = await(to, POLLOUT, patience(to, SO_SNDTIMEO));
        if (result < 0) break;
      }
      result = sys(SYS_sendfile, to, from, offset, length - (size_t)done);
      if (result > 0) done += result;
      if (result <= 0 || !waits || (size_t)done == length) break;
    }
    if (done > 0) {
      descriptor_owes(to, result);
      result = done;
    }
    record_result(NORTH_WRITE, to, result, 0);
    descriptor_told(to, result);
    return result;
  }
  long result = record->result;
  for (long done = 0; done < result;) {
    long sent = sys(SYS_sendfile, to, from, offset, (size_t)(result - done));
    if (sent == -EAGAIN || sent == -EINTR) await_here(to, POLLOUT);
    else if (sent == 0) diverged(record, NORTH_WRITE, to, "the file is shorter here");
    else if (sent > 0) done += sent;
    else {
      descriptor_owes(to, sent);
      break;
    }
  }
  replay_taken(record);
  descriptor_told(to, result);
  return result;
}

INTERPOSED ssize_t sendfile(int to, int from, off_t *offset, size_t length) {
  if (!wrap_enter()) return returned(sys(SYS_sendfile, to, from, offset, length));
  long result = send_file(to, from, offset, length);
  wrap_leave();
  return returned(result);
}

INTERPOSED ssize_t sendfile64(int to, int from, off64_t *offset, size_t length) {
  return sendfile(to, from, offset, length);
}

/* ---- asking a descriptor ---- */

INTERPOSED int ioctl(int fd, unsigned long request, ...) {
  va_list rest;
  va_start(rest, request);
  void *argument = va_arg(rest, void *);
  va_end(rest);
  bool asks = request == FIONREAD || request == SIOCOUTQ || request == SIOCOUTQNSD || request == SIOCATMARK;
  if (!asks || !wrap_enter()) return (int)returned(sys(SYS_ioctl, fd, request, argument));
  const struct north_record *record = recorded(NORTH_SOCKET_STATE, fd);
  long result;
  if (record != 0) {
    result = record->result;
    *(int *)argument = (int)record->detail;
    replay_taken(record);
  } else {
    result = sys(SYS_ioctl, fd, request, argument);
    record_result(NORTH_SOCKET_STATE, fd, result, *(uint32_t *)argument);
  }
  wrap_leave();
  return (int)returned(result);
}

/** A question about a socket whose answer is a value of variable length. */
static long ask(int fd, void *value, socklen_t *length, long (*question)(int, void *, socklen_t *, const int *),
                const int *about) {
  const struct north_record *record = recorded(NORTH_SOCKET_STATE, fd);
  long result;
  if (record != 0) {
    result = record->result;
    socklen_t had = record->detail, room = *length;
    if (result >= 0) {
      __builtin_memcpy(value, payload_of(record), had < room ? had : room);
      *length = had;
    }
    replay_taken(record);
    return result;
  }
  socklen_t room = *length;
  result = question(fd, value, length, about);
  record_bytes(NORTH_SOCKET_STATE, fd, result, result >= 0 ? *length : 0, value,
               result < 0 ? 0 : *length < room ? *length : room);
  return result;
}

static long ask_option(int fd, void *value, socklen_t *length, const int *about) {
  long owed = about[0] == SOL_SOCKET && about[1] == SO_ERROR && *length == sizeof(int) ? descriptor_owed(fd) : 0;
  long result = sys(SYS_getsockopt, fd, about[0], about[1], value, length);
  if (owed < 0 && result == 0) *(int *)value = (int)-owed;
  return result;
}

static long ask_name(int fd, void *value, socklen_t *length, const int *about) {
  return sys(about[0], fd, value, length);
}

INTERPOSED int getsockopt(int fd, int level, int name, void *restrict value, socklen_t *restrict length) {
  if (!wrap_enter()) return (int)returned(sys(SYS_getsockopt, fd, level, name, value, length));
  long result = ask(fd, value, length, ask_option, (int[]){level, name});
  if (level == SOL_SOCKET && name == SO_ERROR && result == 0 && *length == sizeof(int)) descriptor_told(fd, -(long)*(int *)value);
  wrap_leave();
  return (int)returned(result);
}

INTERPOSED int getpeername(int fd, __SOCKADDR_ARG address, socklen_t *restrict length) {
  if (!wrap_enter()) return (int)returned(sys(SYS_getpeername, fd, address.__sockaddr__, length));
  long result = ask(fd, address.__sockaddr__, length, ask_name, (int[]){SYS_getpeername});
  wrap_leave();
  return (int)returned(result);
}

INTERPOSED int getsockname(int fd, __SOCKADDR_ARG address, socklen_t *restrict length) {
  if (!wrap_enter()) return (int)returned(sys(SYS_getsockname, fd, address.__sockaddr__, length));
  long result = ask(fd, address.__sockaddr__, length, ask_name, (int[]){SYS_getsockname});
  wrap_leave();
  return (int)returned(result);
}
