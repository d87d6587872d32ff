#define _GNU_SOURCE
#include "descriptors.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/magic.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "memory.h"
#include "real.h"
#include "recording.h"
#include "sys.h"

/* Beyond, a descriptor is looked at each time. */
#define KNOWN 65536
static uint8_t kinds[KNOWN];
/* errno */
static uint8_t owed[KNOWN];

static int option(int fd, int name) {
  int value = -1;
  uint32_t length = sizeof value;
  sys(SYS_getsockopt, fd, SOL_SOCKET, name, &value, &length);
  return value;
}

static enum kind kind_of_socket(int fd) {
  int domain = option(fd, SO_DOMAIN), type = option(fd, SO_TYPE);
  if (type == SOCK_STREAM) return KIND_STREAM;
  return domain == AF_UNIX ? KIND_MESSAGES : KIND_CONTENT;
}

static bool starts_with(const char *text, const char *start) {
  while (*start != 0 && *text == *start) text++, start++;
  return *start == 0;
}

static enum kind kind_without_inode(int fd) {
  char link[] = "/proc/self/fd/0000000000", target[32] = "";
  char *at = link + sizeof "/proc/self/fd/" - 1;
  char digits[10];
  int count = 0;
  for (uint32_t rest = (uint32_t)fd; count == 0 || rest > 0; rest /= 10) digits[count++] = (char)('0' + rest % 10);
  while (count > 0) *at++ = digits[--count];
  *at = 0;
  sys(SYS_readlinkat, AT_FDCWD, link, target, sizeof target - 1);
  if (starts_with(target, "anon_inode:[eventfd]") || starts_with(target, "anon_inode:inotify")) return KIND_EVENTS;
  if (starts_with(target, "anon_inode:[signalfd]")) return KIND_SIGNALS;
  return starts_with(target, "anon_inode:[timerfd]") ? KIND_TIMER : KIND_CONTENT;
}

static enum kind kind_of_file(int fd) {
  struct statfs system;
  if (sys(SYS_fstatfs, fd, &system) < 0) return KIND_FILE;
  switch (system.f_type) {
    case PROC_SUPER_MAGIC:
    case SYSFS_MAGIC:
    case CGROUP2_SUPER_MAGIC:
    case DEBUGFS_MAGIC:
      return KIND_CONTENT;
    default:
      return KIND_FILE;
  }
}

static enum kind look_at(int fd) {
  struct stat about;
  if (sys(SYS_fstat, fd, &about) < 0) return KIND_CONTENT;
  switch (about.st_mode & S_IFMT) {
    case S_IFSOCK:
      return kind_of_socket(fd);
    case S_IFIFO:
      return KIND_PIPE;
    case S_IFREG:
      return kind_of_file(fd);
    case S_IFDIR:
      return KIND_FILE;
    case 0:
      return kind_without_inode(fd);
    default:
      return KIND_CONTENT;
  }
}

enum kind kind_of(int fd) {
  if (fd < 0 || fd >= KNOWN) return look_at(fd);
  if (kinds[fd] == KIND_UNKNOWN) kinds[fd] = (uint8_t)look_at(fd);
  return (enum kind)kinds[fd];
}

void descriptor_changed(int fd) {
  if (fd < 0 || fd >= KNOWN) return;
  kinds[fd] = KIND_UNKNOWN;
  owed[fd] = 0;
}

static bool is_of_connection(long error) {
  switch (-error) {
    case ECONNRESET:
    case ECONNABORTED:
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH:
      return true;
    default:
      return false;
  }
}

void descriptor_owes(int fd, long error) {
  if (fd < 0 || fd >= KNOWN || !is_of_connection(error)) return;
  // A local socket forgets it in the call that has done a part.
  int domain = option(fd, SO_DOMAIN);
  if (domain == AF_INET || domain == AF_INET6) owed[fd] = (uint8_t)-error;
}

long descriptor_owed(int fd) {
  if (fd < 0 || fd >= KNOWN || owed[fd] == 0) return 0;
  long error = -owed[fd];
  descriptor_told(fd, error);
  return error;
}

void descriptor_told(int fd, long error) {
  if (fd < 0 || fd >= KNOWN || !is_of_connection(error)) return;
  owed[fd] = 0;
  option(fd, SO_ERROR);
}

bool is_tcp_listener(int fd) {
  int domain = option(fd, SO_DOMAIN);
  return (domain == AF_INET || domain == AF_INET6) && option(fd, SO_ACCEPTCONN) == 1;
}

bool is_nonblocking(int fd) {
  return (sys(SYS_fcntl, fd, F_GETFL) & O_NONBLOCK) != 0;
}

INTERPOSED int close(int fd) {
  if (north != 0 && fd == memory_fd()) return (int)returned(-EBADF);
  descriptor_changed(fd);
  return real(close)(fd);
}

INTERPOSED int dup2(int from, int to) {
  descriptor_changed(to);
  return real(dup2)(from, to);
}

INTERPOSED int dup3(int from, int to, int flags) {
  descriptor_changed(to);
  return real(dup3)(from, to, flags);
}

/** Programs close all that they do not know; the memory stays open around them. */
INTERPOSED int close_range(unsigned first, unsigned last, int flags) {
  if ((flags & CLOSE_RANGE_CLOEXEC) == 0)
    for (unsigned fd = first; fd <= last && fd < KNOWN; fd++) descriptor_changed((int)fd);
  unsigned kept = (unsigned)memory_fd();
  if (north == 0 || kept < first || kept > last) return (int)returned(sys(SYS_close_range, first, last, flags));
  long result = kept > first ? sys(SYS_close_range, first, kept - 1, flags) : 0;
  if (result == 0 && kept < last) result = sys(SYS_close_range, kept + 1, last, flags);
  return (int)returned(result);
}

INTERPOSED void closefrom(int first) {
  close_range((unsigned)(first < 0 ? 0 : first), ~0u, 0);
}
