/* Files that are made, written, read, renamed and removed: the two folders are to be alike afterwards. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "program.h"

int main(void) {
  char text[64] = "";
  int fd = (int)did(open("made", O_RDWR | O_CREAT | O_EXCL, 0640));
  did(pwrite(fd, "hello, world", 12, 0));
  did(pread(fd, text, 5, 7));
  tell("%s", text);
  struct iovec parts[2] = {{text, 3}, {text + 10, 4}};
  did(preadv(fd, parts, 2, 0));
  did(pwritev(fd, parts, 2, 20));
  did(preadv2(fd, parts, 2, 1, 0));
  did(pread64(fd, text, sizeof text, 1000));
  did(lseek(fd, 0, SEEK_END));
  did(lseek(fd, -1, SEEK_SET));
  did(ftruncate(fd, 100));
  did(fallocate(fd, 0, 0, 200));
  did(posix_fallocate(fd, 0, 300));
  did(fsync(fd));
  did(fdatasync(fd));
  did(fchmod(fd, 0600));
  int copy = (int)did(open64("copy", O_WRONLY | O_CREAT, 0600));
  off64_t at = 0;
  did(copy_file_range(fd, &at, copy, 0, 50, 0));
  tell("at %ld", (long)at);
  did(close(copy));
  did(open("made", O_RDWR | O_CREAT | O_EXCL, 0600));
  did(open("nothing", O_RDONLY));
  did(mkdir("made-folder", 0700));
  did(rename("made", "made-folder/renamed"));
  did(link("made-folder/renamed", "linked"));
  did(symlink("linked", "symbolic"));
  did(unlink("linked"));
  did(rmdir("made-folder"));
  did(remove("symbolic"));
  did(mkfifo("pipe", 0600));
  did(chmod("pipe", 0644));
  struct timespec times[2] = {{1000, 0}, {2000, 5}};
  did(utimensat(AT_FDCWD, "made-folder/renamed", times, 0));
  struct timeval coarse[2] = {{1, 2}, {3, 4}};
  did(utimes("copy", coarse));
  did(truncate("copy", 7));
  char name[] = "temporary-XXXXXX", suffixed[] = "XXXXXX.text", folder[] = "XXXXXX";
  did(mkstemp(name));
  did(mkstemps(suffixed, 5));
  did(mkdtemp(folder) == folder);
  tell("%s %s %s", name, suffixed, folder);
  char bad[] = "bad";
  did(mkstemp(bad));
  FILE *nameless = tmpfile();
  fputs("text", nameless);
  tell("%d", fileno(nameless));
  fclose(nameless);
  // What a host tells of itself is not on the other: program and replica see the same.
  fd = (int)did(open(getenv("ONLY_HERE"), O_RDONLY));
  did(close(fd));
  struct open_how how = {.flags = O_RDONLY, .resolve = RESOLVE_NO_SYMLINKS};
  fd = (int)did(syscall(SYS_openat2, AT_FDCWD, "copy", &how, sizeof how));
  did(syscall(SYS_openat2, AT_FDCWD, "link", &how, sizeof how));
  did(syscall(SYS_renameat2, AT_FDCWD, "copy", AT_FDCWD, "file", 1 /* RENAME_NOREPLACE */));
  did(close(fd));
  int number = (int)did(fcntl(0, F_DUPFD, 20));
  did(fcntl(number, F_GETFD));
  return 0;
}
