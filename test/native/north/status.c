/* Everything that two disks tell differently of the same files. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "program.h"

static void tell_stat(const struct stat *about) {
  tell("inode %lu changed %ld.%09ld of %lu", (unsigned long)about->st_ino, about->st_ctim.tv_sec, about->st_ctim.tv_nsec, (unsigned long)about->st_dev);
}

int main(void) {
  struct stat about = {0};
  struct stat64 wide = {0};
  struct statx extended = {0};
  struct statfs system = {0};
  struct statvfs posix = {0};
  if (did(stat("file", &about)) == 0) tell_stat(&about);
  if (did(lstat("link", &about)) == 0) tell_stat(&about);
  if (did(stat64("file", &wide)) == 0) tell("inode %lu", (unsigned long)wide.st_ino);
  if (did(fstatat(AT_FDCWD, "folder", &about, 0)) == 0) tell_stat(&about);
  int fd = open("file", O_RDONLY);
  if (did(fstat(fd, &about)) == 0) tell_stat(&about);
  if (did(statx(AT_FDCWD, "file", 0, STATX_ALL, &extended)) == 0)
    tell("born %lld.%u", (long long)extended.stx_btime.tv_sec, extended.stx_btime.tv_nsec);
  did(stat("nothing", &about));
  did(stat("file/nothing", &about));
  if (did(statfs(".", &system)) == 0) tell("free %lu %lu", system.f_bfree, system.f_ffree);
  if (did(fstatvfs(fd, &posix)) == 0) tell("free %lu %lu", posix.f_bfree, posix.f_ffree);
  did(access("file", R_OK));
  did(access("nothing", F_OK));
  did(faccessat(AT_FDCWD, "folder", X_OK, AT_EACCESS));
  did(euidaccess("file", X_OK));
  char text[256] = "";
  did(setxattr("file", "user.one", "first", 5, 0));
  did(fsetxattr(fd, "user.two", "second", 6, 0));
  if (did(getxattr("file", "user.one", text, sizeof text)) > 0) tell("%s", text);
  did(getxattr("file", "user.one", 0, 0));
  did(fgetxattr(fd, "user.none", text, sizeof text));
  long length = did(listxattr("file", text, sizeof text));
  for (long i = 0; i < length; i += (long)strlen(text + i) + 1) tell("%s", text + i);
  did(removexattr("file", "user.one"));
  memset(text, 0, sizeof text);
  if (did(readlink("link", text, sizeof text - 1)) > 0) tell("%s", text);
  int pipes[2];
  if (pipe(pipes) < 0) return 1;
  snprintf(text, sizeof text, "/proc/self/fd/%d", pipes[0]);
  char target[256] = "";
  if (did(readlink(text, target, sizeof target - 1)) > 0) tell("%s", target);
  did(readlink("/proc/self/fd/99", target, sizeof target));
  did(readlink("/proc/self/exe", target, sizeof target));
  return 0;
}
