/* What programs remember of a file: that it is still the same one. Told is only whether it is. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "program.h"

static int same(const struct stat *left, const struct stat *right) {
  return left->st_ino == right->st_ino && left->st_dev == right->st_dev;
}

int main(void) {
  struct stat first, second, other;
  int fd = open("file", O_RDONLY);
  fstat(fd, &first);
  stat("folder", &other);
  for (int i = 0; i < 10; i++) {
    access(".", F_OK);
    stat("file", &second);
    tell("the same: %d", same(&first, &second));
    fstat(fd, &second);
    tell("the same: %d", same(&first, &second));
    struct statx extended;
    statx(AT_FDCWD, "file", 0, STATX_INO, &extended);
    tell("the same: %d", extended.stx_ino == first.st_ino);
    stat("folder", &second);
    tell("the same: %d, another: %d", same(&other, &second), same(&first, &second));
    // Files that are seen for the first time are none of those.
    char name[32];
    snprintf(name, sizeof name, "folder/a-name-%d", i + 1);
    stat(name, &second);
    tell("another: %d, of the same disk: %d", same(&first, &second), first.st_dev == second.st_dev);
    DIR *directory = opendir(".");
    for (const struct dirent *entry; (entry = readdir(directory)) != 0;)
      if (strcmp(entry->d_name, "file") == 0) tell("the same: %d", entry->d_ino == first.st_ino);
    closedir(directory);
  }
  return 0;
}
