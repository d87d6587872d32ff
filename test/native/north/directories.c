/* A folder whose entries come in another order on the other disk. With `sorted`, what was listed is told in the end and sorted. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <stdlib.h>
#include <unistd.h>

#include "program.h"

static char *names[10000];
static int count;

static int compare(const void *left, const void *right) {
  return strcmp(*(char *const *)left, *(char *const *)right);
}

static int is_even(const struct dirent *entry) {
  return (entry->d_name[strlen(entry->d_name) - 1] & 1) == 0;
}

static void list_sorted(DIR *directory) {
  count = 0;
  for (const struct dirent *entry; (entry = readdir(directory)) != 0;) names[count++] = strdup(entry->d_name);
  qsort(names, (size_t)count, sizeof *names, compare);
  for (int i = 0; i < count; i++) tell("%s", names[i]), free(names[i]);
  tell("%d names", count);
}

static void list(DIR *directory) {
  for (const struct dirent *entry; (entry = readdir(directory)) != 0;) tell("%s %lu %ld", entry->d_name, (unsigned long)entry->d_ino, (long)entry->d_off);
}

int main(int arguments, char **argument) {
  DIR *directory = opendir("folder");
  tell("%d", dirfd(directory));
  if (arguments > 1 && strcmp(argument[1], "sorted") == 0) {
    list_sorted(directory);
    rewinddir(directory);
    list_sorted(directory);
    rewinddir(directory);
    // From the middle on, twice: the same names.
    char again[700][32];
    int kept = 0;
    for (int i = 0; i < 700 && readdir(directory) != 0; i++) continue;
    long middle = telldir(directory);
    for (const struct dirent *entry; kept < 700 && (entry = readdir(directory)) != 0; kept++) strcpy(again[kept], entry->d_name);
    getppid(), access(".", F_OK);
    seekdir(directory, middle);
    int same = 0;
    const struct dirent *entry;
    while ((entry = readdir(directory)) != 0)
      for (int i = 0; i < kept; i++) same += strcmp(again[i], entry->d_name) == 0;
    tell("%d of %d again", same, kept);
    closedir(directory);
    return 0;
  }
  list(directory);
  rewinddir(directory);
  readdir(directory);
  readdir(directory);
  long second = telldir(directory);
  tell("at %ld", second);
  tell("%s", readdir(directory)->d_name);
  tell("%s", readdir(directory)->d_name);
  seekdir(directory, second);
  tell("%s", readdir(directory)->d_name);
  did(closedir(directory));
  int fd = open("folder", O_RDONLY);
  char buffer[512];
  long length;
  while ((length = getdents64(fd, buffer, sizeof buffer)) > 0) tell("%ld: %s", length, ((struct dirent64 *)buffer)->d_name);
  lseek(fd, 0, SEEK_SET);
  directory = fdopendir(fd);
  list(directory);
  closedir(directory);
  struct dirent **entries;
  int found = scandir("folder", &entries, is_even, 0);
  for (int i = 0; i < found; i++) tell("%s", entries[i]->d_name), free(entries[i]);
  free(entries);
  found = scandir("folder", &entries, 0, alphasort);
  for (int i = 0; i < found; i++) tell("%s", entries[i]->d_name), free(entries[i]);
  free(entries);
  did(scandir("nothing", &entries, 0, 0));
  did(opendir("file") != 0);
  did(opendir("nothing") != 0);
  did(fdopendir(0) != 0);
  glob_t matches;
  if (glob("folder/*1*", 0, 0, &matches) == 0)
    for (size_t i = 0; i < matches.gl_pathc; i++) tell("%s", matches.gl_pathv[i]);
  globfree(&matches);
  return 0;
}
