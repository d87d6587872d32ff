/*
 * Connections that a server takes or makes. Which one was taken is recorded by its peer: in a replay others may be ready first, and are kept
 * until it is their turn.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "accept.h"
#include "blocking.h"
#include "descriptors.h"
#include "real.h"
#include "recording.h"
#include "signals.h"
#include "sys.h"

/* Above the program's own. */
#define EARLY_FD 2000
#define EARLY_MOST 64

static struct early {
  int listener, fd; /* fd 0: free */
  struct peer peer;
} early[EARLY_MOST];

static bool same(const struct peer *a, const struct peer *b) {
  return a->length == b->length && __builtin_memcmp(&a->name, &b->name, a->length) == 0;
}

static long take(int listener, struct peer *peer, int flags) {
  __builtin_memset(peer, 0, sizeof *peer);
  peer->length = sizeof peer->name;
  long fd = sys(SYS_accept4, listener, &peer->name, &peer->length, flags);
  if (fd < 0) peer->length = 0;
  return fd;
}

/** Under the order: which process takes which connection is part of it. A call that waits does so outside. */
static long take_now(int listener, struct peer *peer, int flags) {
  for (;;) {
    struct pollfd ready = {listener, POLLIN, 0};
    struct timespec none = {0, 0};
    order_begin(0);
    if (sys(SYS_ppoll, &ready, 1, &none, 0, 0) > 0 || is_nonblocking(listener)) return take(listener, peer, flags);
    lock_leave();
    long waited = wait_ready(&ready, 1, -1, 0);
    if (waited > 0 || (waited == -EINTR && signal_restarts())) continue;
    order_begin(0);
    return waited;
  }
}

/** Of those that came early. @returns its descriptor, the lowest that is free. */
static long find_early(int listener, const struct peer *wanted, int flags) {
  for (int i = 0; i < EARLY_MOST; i++) {
    struct early *it = &early[i];
    if (it->fd == 0 || it->listener != listener || !same(&it->peer, wanted)) continue;
    long fd = sys(SYS_fcntl, it->fd, (flags & SOCK_CLOEXEC) != 0 ? F_DUPFD_CLOEXEC : F_DUPFD, 0);
    sys(SYS_close, it->fd);
    it->fd = 0;
    if ((flags & SOCK_NONBLOCK) != 0) sys(SYS_fcntl, fd, F_SETFL, sys(SYS_fcntl, fd, F_GETFL) | O_NONBLOCK);
    return fd;
  }
  return -1;
}

static bool keep_early(int listener, long fd, const struct peer *peer) {
  for (int i = 0; i < EARLY_MOST; i++) {
    if (early[i].fd != 0) continue;
    long moved = sys(SYS_fcntl, fd, F_DUPFD_CLOEXEC, EARLY_FD);
    sys(SYS_close, fd);
    early[i] = (struct early){listener, (int)moved, *peer};
    return moved >= 0;
  }
  return false;
}

static void take_again(int listener, const struct north_record *record, struct peer *peer, int flags) {
  const struct peer *wanted = payload_of(record);
  bool anyone = wanted->name.ss_family != AF_INET && wanted->name.ss_family != AF_INET6;
  long fd = find_early(listener, wanted, flags);
  *peer = *wanted;
  while (fd < 0) {
    struct pollfd ready = {listener, POLLIN, 0};
    sys(SYS_ppoll, &ready, 1, 0, 0, 0);
    struct peer found;
    long taken = take(listener, &found, flags);
    if (taken < 0) continue;
    if (anyone || same(&found, wanted)) fd = taken;
    else if (!keep_early(listener, taken, &found)) diverged(record, NORTH_ACCEPT, listener, "too many other connections");
  }
  if (fd != record->result) diverged(record, NORTH_ACCEPT, (int32_t)fd, "another descriptor");
}

/** Who was kept while the recording lasted comes before those that the kernel has. */
static long take_kept(int listener, struct peer *peer, int flags) {
  for (int i = 0; i < EARLY_MOST; i++) {
    if (early[i].fd == 0 || early[i].listener != listener) continue;
    *peer = early[i].peer;
    return find_early(listener, peer, flags);
  }
  return -1;
}

static long accept_one(int listener, struct sockaddr *name, socklen_t *length, int flags) {
  const struct north_record *record = recorded(NORTH_ACCEPT, listener);
  struct peer peer;
  long result;
  if (record == 0) {
    result = take_kept(listener, &peer, flags);
    if (result < 0) result = take_now(listener, &peer, flags);
    else order_begin(0);
  } else {
    order_begin(record);
    result = record->result;
    if (result >= 0) take_again(listener, record, &peer, flags);
  }
  order_end_bytes(record, NORTH_ACCEPT, listener, result, &peer, result < 0 ? 0 : sizeof peer);
  if (result < 0) return result;
  descriptor_changed((int)result);
  if (name != 0 && length != 0) {
    __builtin_memcpy(name, &peer.name, peer.length < *length ? peer.length : *length);
    *length = peer.length;
  }
  return result;
}

INTERPOSED int accept4(int listener, __SOCKADDR_ARG name, socklen_t *restrict length, int flags) {
  if (!wrap_enter()) return (int)returned(sys(SYS_accept4, listener, name.__sockaddr__, length, flags));
  long result = accept_one(listener, name.__sockaddr__, length, flags);
  wrap_leave();
  return (int)returned(result);
}

INTERPOSED int accept(int listener, __SOCKADDR_ARG name, socklen_t *restrict length) {
  return accept4(listener, name, length, 0);
}

/* ---- names that the kernel chooses ---- */

static struct peer own_name(int fd) {
  struct peer own = {.length = sizeof own.name};
  if (sys(SYS_getsockname, fd, &own.name, &own.length) < 0) own.length = 0;
  return own;
}

static bool is_internet(const struct peer *peer) {
  return peer->length > 0 && (peer->name.ss_family == AF_INET || peer->name.ss_family == AF_INET6);
}

/** What connects to it, or is told of it, does so by the name that it had. */
static long bind_to(int fd, const struct sockaddr *name, socklen_t length) {
  const struct north_record *record = recorded(NORTH_SOCKET_STATE, fd);
  long result;
  if (record == 0) {
    result = sys(SYS_bind, fd, name, length);
    struct peer own = own_name(fd);
    record_bytes(NORTH_SOCKET_STATE, fd, result, 0, &own, sizeof own);
    return result;
  }
  result = record->result;
  const struct peer *own = payload_of(record);
  long made = 0;
  if (result >= 0) made = is_internet(own) ? sys(SYS_bind, fd, &own->name, own->length) : sys(SYS_bind, fd, name, length);
  if (made < 0) diverged(record, NORTH_SOCKET_STATE, fd, "a name that cannot be taken here");
  replay_taken(record);
  return result;
}

INTERPOSED int bind(int fd, __CONST_SOCKADDR_ARG name, socklen_t length) {
  if (!wrap_enter()) return (int)returned(sys(SYS_bind, fd, name.__sockaddr__, length));
  long result = bind_to(fd, name.__sockaddr__, length);
  wrap_leave();
  return (int)returned(result);
}

/** A replay comes to the next connection of a port sooner than the kernel forgets the last one. One that has a name already keeps it. */
static void take_port(int fd, const struct peer *name) {
  int yes = 1, before = 0;
  uint32_t length = sizeof before;
  sys(SYS_getsockopt, fd, SOL_SOCKET, SO_REUSEADDR, &before, &length);
  sys(SYS_setsockopt, fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sys(SYS_bind, fd, &name->name, name->length);
  sys(SYS_setsockopt, fd, SOL_SOCKET, SO_REUSEADDR, &before, sizeof before);
}

/** By the port its other end knows it: it has one before anybody hears of it. @returns its name; of length 0: it needs none */
static struct peer name_to_connect(int fd) {
  struct peer own = own_name(fd);
  if (kind_of(fd) != KIND_STREAM || !is_internet(&own)) return (struct peer){.length = 0};
  // Both kinds of addresses have the port at the same place.
  if (((struct sockaddr_in *)&own.name)->sin_port == 0) take_port(fd, &own);
  return own_name(fd);
}

/** Begins it, and does not wait. */
static long try_connect(int fd, const struct sockaddr *to, socklen_t length) {
  long flags = sys(SYS_fcntl, fd, F_GETFL);
  sys(SYS_fcntl, fd, F_SETFL, flags | O_NONBLOCK);
  long result = sys(SYS_connect, fd, to, length);
  sys(SYS_fcntl, fd, F_SETFL, flags);
  return result;
}

/** A connection that is there, for the primary had it. One whose other end is gone already is the program's to notice, as then. */
static void await_connection(int fd, const struct sockaddr *to, socklen_t length) {
  struct timespec moment = {0, 200000};
  while (try_connect(fd, to, length) == -EAGAIN) sys(SYS_nanosleep, &moment, 0);
  struct pollfd ready = {fd, POLLOUT, 0};
  sys(SYS_ppoll, &ready, 1, 0, 0, 0);
}

/**
 * Within the service: made again, and with the recorded outcome. Its other end may have taken it before this call returns: so there is a record before it,
 * where a replay begins it, and one behind it.
 */
static long connect_to(int fd, const struct sockaddr *to, socklen_t length) {
  const struct north_record *record = recorded(NORTH_SOCKET_STATE, fd);
  bool begun = record != 0;
  if (begun) {
    const struct peer *own = payload_of(record);
    if (own->length > 0) take_port(fd, own);
    try_connect(fd, to, length);
    replay_taken(record);
  } else {
    struct peer own = name_to_connect(fd);
    record_bytes(NORTH_SOCKET_STATE, fd, 0, 0, &own, sizeof own);
  }
  record = recorded(NORTH_SOCKET_STATE, fd);
  long result;
  if (record != 0) {
    result = record->result;
    if (result >= 0) await_connection(fd, to, length);
    replay_taken(record);
  } else {
    result = blocking(sys(SYS_connect, fd, to, length));
    if (begun && result == -EISCONN) result = 0;
    record_result(NORTH_SOCKET_STATE, fd, result, 0);
  }
  return result;
}

INTERPOSED int connect(int fd, __CONST_SOCKADDR_ARG to, socklen_t length) {
  if (!wrap_enter()) return (int)returned(sys(SYS_connect, fd, to.__sockaddr__, length));
  long result = connect_to(fd, to.__sockaddr__, length);
  wrap_leave();
  return (int)returned(result);
}
