/*
 * Which descriptors are ready: recorded, and in a replay told without a look. By number, not by what the program keeps in an epoll set, so that
 * addresses may differ between replicas: the kernel's epoll sets are given a number of the shim's in place of the program's data.
 */
#define _GNU_SOURCE
#include <linux/mman.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>

#include "clocks.h"
#include "real.h"
#include "recording.h"
#include "signals.h"
#include "sys.h"

/* ---- epoll: the program's data by (set, descriptor) ---- */

struct entry {
  int set, fd;
  uint32_t events;
  uint32_t next; /* of the same descriptors, in other sets; number + 1, or 0 */
  bool used;
  uint64_t data;
};

#define ENTRIES_MAX (1u << 16)
static struct entry *entries; /* by the number that the kernel keeps */
static uint32_t entries_used;
/** Of each descriptor the first entry, as in `next`; an entry stays with its descriptor. */
#define DESCRIPTORS 65536
static uint32_t first_of[DESCRIPTORS];

static void reserve_entries(void) {
  if (entries != 0) return;
  long at = sys(SYS_mmap, 0, ENTRIES_MAX * sizeof *entries, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  entries = (struct entry *)at;
}

static int64_t find_entry(int set, int fd) {
  for (uint32_t at = first_of[(uint32_t)fd % DESCRIPTORS]; at != 0; at = entries[at - 1].next)
    if (entries[at - 1].used && entries[at - 1].set == set && entries[at - 1].fd == fd) return at - 1;
  return -1;
}

/** @returns -1: there are too many */
static int64_t take_entry(int set, int fd) {
  int64_t index = find_entry(set, fd);
  uint32_t *first = &first_of[(uint32_t)fd % DESCRIPTORS];
  for (uint32_t at = *first; index < 0 && at != 0; at = entries[at - 1].next)
    if (!entries[at - 1].used) index = at - 1;
  if (index >= 0 || entries_used == ENTRIES_MAX) return index;
  index = entries_used++;
  entries[index].next = *first;
  *first = (uint32_t)index + 1;
  return index;
}

static long control(int set, int operation, int fd, struct epoll_event *event) {
  reserve_entries();
  int64_t index = operation == EPOLL_CTL_ADD ? take_entry(set, fd) : find_entry(set, fd);
  if (index < 0 && operation == EPOLL_CTL_ADD) return -ENOSPC;
  if (index < 0) return sys(SYS_epoll_ctl, set, operation, fd, event);
  struct entry *entry = &entries[index];
  struct epoll_event kernel = {.events = event == 0 ? 0 : event->events, .data.u64 = (uint64_t)index};
  long result = sys(SYS_epoll_ctl, set, operation, fd, event == 0 ? 0 : &kernel);
  if (operation == EPOLL_CTL_DEL) {
    entry->used = false;
  } else if (result == 0) {
    *entry = (struct entry){
        .set = set, .fd = fd, .events = event->events, .next = entry->next, .used = true, .data = event->data.u64};
  } else if (operation == EPOLL_CTL_ADD) {
    // Of a descriptor that was closed in the meantime, or is in the set already: then it keeps its entry.
    if (result != -EEXIST) entry->used = false;
  }
  return result;
}

INTERPOSED int epoll_ctl(int set, int operation, int fd, struct epoll_event *event) {
  if (!wrap_enter()) return real(epoll_ctl)(set, operation, fd, event);
  long result = control(set, operation, fd, event);
  wrap_leave();
  return (int)returned(result);
}

/** In the recording: number of the entry, and what it is ready for. */
struct ready {
  uint32_t index, events;
};
#define READY_MOST 1024

static void give(struct epoll_event *event, struct ready ready) {
  struct entry *entry = &entries[ready.index];
  event->events = ready.events;
  event->data.u64 = entry->data;
}

/** The kernel would not tell of it again before it is asked to; in a replay it has not told yet. */
static void disarm(struct ready ready) {
  struct entry *entry = &entries[ready.index];
  if ((entry->events & EPOLLONESHOT) == 0) return;
  struct epoll_event none = {.events = EPOLLONESHOT, .data.u64 = ready.index};
  sys(SYS_epoll_ctl, entry->set, EPOLL_CTL_MOD, entry->fd, &none);
}

static long epoll_look(int set, struct epoll_event *events, int most, int64_t ns, const sigset_t *mask) {
  struct timespec none = {0, 0}, timeout = {ns / NANOSECONDS, ns % NANOSECONDS};
  long result = sys(SYS_epoll_pwait2, set, events, most, &none, 0, 0);
  if (result != 0 || (ns == 0 && mask == 0)) return result;
  struct waiting waiting;
  result = -EINTR;
  if (wait_begin(&waiting, mask))
    result = sys(SYS_epoll_pwait2, set, events, most, ns < 0 ? 0 : &timeout, &waiting.open, KERNEL_MASK_BYTES);
  return wait_end(&waiting, result);
}

static long epoll_ready(int set, struct epoll_event *events, int most, int64_t ns, const sigset_t *mask) {
  reserve_entries();
  const struct north_record *record = recorded(NORTH_READINESS, set);
  if (record != 0) {
    long result = record->result;
    if (result == 0) wait_has_passed(ns);
    const struct ready *ready = payload_of(record);
    for (long i = 0; i < result; i++) {
      give(&events[i], ready[i]);
      disarm(ready[i]);
    }
    replay_taken(record);
    return result;
  }
  if (most > READY_MOST) most = READY_MOST;
  long result = epoll_look(set, events, most, wait_left(ns), mask);
  struct ready ready[result > 0 ? result : 1];
  for (long i = 0; i < result; i++) {
    ready[i] = (struct ready){(uint32_t)events[i].data.u64, events[i].events};
    give(&events[i], ready[i]);
  }
  record_bytes(NORTH_READINESS, set, result, 0, ready, result > 0 ? (size_t)result * sizeof *ready : 0);
  return result;
}

INTERPOSED int epoll_pwait(int set, struct epoll_event *events, int most, int ms, const sigset_t *mask) {
  if (!wrap_enter()) return real(epoll_pwait)(set, events, most, ms, mask);
  long result = epoll_ready(set, events, most, ms < 0 ? -1 : ms * 1000000ll, mask);
  wrap_leave();
  return (int)returned(result);
}

INTERPOSED int epoll_wait(int set, struct epoll_event *events, int most, int ms) {
  return epoll_pwait(set, events, most, ms, 0);
}

INTERPOSED int epoll_pwait2(int set, struct epoll_event *events, int most, const struct timespec *timeout, const sigset_t *mask) {
  if (!wrap_enter()) return real(epoll_pwait2)(set, events, most, timeout, mask);
  int64_t ns = timeout == 0 ? -1 : timeout->tv_sec * NANOSECONDS + timeout->tv_nsec;
  long result = epoll_ready(set, events, most, ns, mask);
  wrap_leave();
  return (int)returned(result);
}

/* ---- poll ---- */

#define POLL_MOST 16384

static long poll_ready(struct pollfd *fds, nfds_t count, int64_t ns, const sigset_t *mask) {
  const struct north_record *record = recorded(NORTH_READINESS, -(int32_t)count);
  if (record != 0) {
    long result = record->result;
    if (result == 0) wait_has_passed(ns);
    const short *events = payload_of(record);
    for (nfds_t i = 0; i < count; i++) fds[i].revents = result > 0 ? events[i] : 0;
    replay_taken(record);
    return result;
  }
  struct timespec none = {0, 0};
  long result = sys(SYS_ppoll, fds, count, &none, 0, 0);
  if (result == 0 && (ns != 0 || mask != 0)) result = wait_ready(fds, (unsigned)count, wait_left(ns), mask);
  short events[result > 0 ? count : 1];
  for (nfds_t i = 0; result > 0 && i < count; i++) events[i] = fds[i].revents;
  record_bytes(NORTH_READINESS, -(int32_t)count, result, 0, events, result > 0 ? count * sizeof *events : 0);
  return result;
}

INTERPOSED int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask) {
  if (count > POLL_MOST || !wrap_enter()) return real(ppoll)(fds, count, timeout, mask);
  long result = poll_ready(fds, count, timeout == 0 ? -1 : timeout->tv_sec * NANOSECONDS + timeout->tv_nsec, mask);
  wrap_leave();
  return (int)returned(result);
}

INTERPOSED int poll(struct pollfd *fds, nfds_t count, int ms) {
  if (count > POLL_MOST || !wrap_enter()) return real(poll)(fds, count, ms);
  long result = poll_ready(fds, count, ms < 0 ? -1 : ms * 1000000ll, 0);
  wrap_leave();
  return (int)returned(result);
}

INTERPOSED int __poll_chk(struct pollfd *fds, nfds_t count, int ms, size_t room) {
  (void)room;
  return poll(fds, count, ms);
}

INTERPOSED int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask, size_t room) {
  (void)room;
  return ppoll(fds, count, timeout, mask);
}

/* ---- select ---- */

static long select_look(int count, fd_set *sets, int64_t ns, const sigset_t *mask) {
  struct timespec none = {0, 0}, timeout = {ns / NANOSECONDS, ns % NANOSECONDS};
  fd_set asked[3] = {sets[0], sets[1], sets[2]};
  long result = sys(SYS_pselect6, count, &sets[0], &sets[1], &sets[2], &none, 0);
  if (result != 0 || (ns == 0 && mask == 0)) return result;
  for (int i = 0; i < 3; i++) sets[i] = asked[i];
  struct waiting waiting;
  result = -EINTR;
  if (wait_begin(&waiting, mask)) {
    struct {
      uint64_t *mask;
      size_t length;
    } open = {&waiting.open, KERNEL_MASK_BYTES};
    result = sys(SYS_pselect6, count, &sets[0], &sets[1], &sets[2], ns < 0 ? 0 : &timeout, &open);
  }
  return wait_end(&waiting, result);
}

static long select_ready(int count, fd_set *given[3], int64_t ns, const sigset_t *mask) {
  fd_set sets[3];
  size_t bytes = ((size_t)count + 63) / 64 * 8;
  if (bytes > sizeof *sets) return -EINVAL;
  __builtin_memset(sets, 0, sizeof sets);
  const struct north_record *record = recorded(NORTH_READINESS, -count);
  long result;
  if (record != 0) {
    result = record->result;
    if (result == 0) wait_has_passed(ns);
    if (result >= 0) __builtin_memcpy(sets, payload_of(record), sizeof sets);
    replay_taken(record);
  } else {
    for (int i = 0; i < 3; i++)
      if (given[i] != 0) __builtin_memcpy(&sets[i], given[i], bytes);
    result = select_look(count, sets, wait_left(ns), mask);
    record_bytes(NORTH_READINESS, -count, result, 0, sets, result >= 0 ? sizeof sets : 0);
  }
  for (int i = 0; result >= 0 && i < 3; i++)
    if (given[i] != 0) __builtin_memcpy(given[i], &sets[i], bytes);
  return result;
}

INTERPOSED int pselect(int count, fd_set *read, fd_set *write, fd_set *except, const struct timespec *timeout,
                       const sigset_t *mask) {
  if (!wrap_enter()) return real(pselect)(count, read, write, except, timeout, mask);
  int64_t ns = timeout == 0 ? -1 : timeout->tv_sec * NANOSECONDS + timeout->tv_nsec;
  long result = select_ready(count, (fd_set *[3]){read, write, except}, ns, mask);
  wrap_leave();
  return (int)returned(result);
}

/** What is left of the time is not told: it is no part of POSIX, and 0 is always true enough. */
INTERPOSED int select(int count, fd_set *read, fd_set *write, fd_set *except, struct timeval *timeout) {
  if (!wrap_enter()) return real(select)(count, read, write, except, timeout);
  int64_t ns = timeout == 0 ? -1 : timeout->tv_sec * NANOSECONDS + timeout->tv_usec * 1000;
  long result = select_ready(count, (fd_set *[3]){read, write, except}, ns, 0);
  if (timeout != 0 && result == 0) *timeout = (struct timeval){0, 0};
  wrap_leave();
  return (int)returned(result);
}
