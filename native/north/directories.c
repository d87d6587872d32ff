/*
 * The C library's directory streams, on listings (directories.h). It reads by a call of its own, past the shim, so a stream is one of ours; one
 * that it has made itself, before the program was wrapped, stays its own.
 */
#define _GNU_SOURCE
#include "directories.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "descriptors.h"
#include "real.h"
#include "recording.h"
#include "sys.h"

/* The C library's begin with a descriptor and a lock. */
#define OURS 0x6e6f727468646972ull

struct __dirstream {
  uint64_t ours;
  struct listing listing;
  long at, filled;
  int64_t position; /* of the last entry that was given */
  _Alignas(8) uint8_t buffer[LISTING_BYTES];
};

static bool is_ours(const DIR *directory) {
  return directory->ours == OURS;
}

static DIR *begin(int fd) {
  long at = sys(SYS_mmap, 0, sizeof(DIR), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at < 0 && at > -4096) {
    returned(at);
    return 0;
  }
  DIR *directory = (DIR *)at;
  directory->ours = OURS;
  directory->listing.fd = fd;
  return directory;
}

static bool is_wrapped(void) {
  if (!wrap_enter()) return false;
  wrap_leave();
  return true;
}

static DIR *open_at(int at, const char *path) {
  int fd = openat(at, path, O_RDONLY | O_NONBLOCK | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return 0;
  DIR *directory = begin(fd);
  if (directory == 0) close(fd);
  return directory;
}

INTERPOSED DIR *opendir(const char *path) {
  return is_wrapped() ? open_at(AT_FDCWD, path) : real(opendir)(path);
}

INTERPOSED DIR *fdopendir(int fd) {
  if (!is_wrapped()) return real(fdopendir)(fd);
  struct stat about;
  long result = sys(SYS_fstat, fd, &about);
  if (result >= 0 && !S_ISDIR(about.st_mode)) result = -ENOTDIR;
  if (result >= 0) result = sys(SYS_fcntl, fd, F_GETFL);
  if (result >= 0 && (result & O_PATH) != 0) result = -EBADF;
  if (result < 0) {
    returned(result);
    return 0;
  }
  return begin(fd);
}

INTERPOSED int closedir(DIR *directory) {
  if (!is_ours(directory)) return real(closedir)(directory);
  int fd = directory->listing.fd;
  listing_free(&directory->listing);
  sys(SYS_munmap, directory, sizeof *directory);
  return close(fd);
}

INTERPOSED int dirfd(DIR *directory) {
  return is_ours(directory) ? directory->listing.fd : real(dirfd)(directory);
}

/** @returns length of what there is, 0 at the end, -errno */
static long fill(DIR *directory) {
  if (!wrap_enter()) return sys(SYS_getdents64, directory->listing.fd, directory->buffer, LISTING_BYTES);
  long result = listing_read(&directory->listing, directory->buffer, LISTING_BYTES);
  wrap_leave();
  return result;
}

/** @returns 0: there is none, or -errno in `error` */
static struct dirent64 *next(DIR *directory, long *error) {
  *error = 0;
  if (directory->at >= directory->filled) {
    long result = fill(directory);
    directory->at = 0;
    directory->filled = result < 0 ? 0 : result;
    // A directory that was removed has come to its end.
    if (result < 0 && result != -ENOENT) *error = result;
    if (result <= 0) return 0;
  }
  struct dirent64 *entry = (struct dirent64 *)(directory->buffer + directory->at);
  directory->at += entry->d_reclen;
  directory->position = entry->d_off;
  return entry;
}

static struct dirent64 *read_next(DIR *directory) {
  long error;
  struct dirent64 *entry = next(directory, &error);
  if (error < 0) returned(error);
  return entry;
}

INTERPOSED struct dirent64 *readdir64(DIR *directory) {
  return is_ours(directory) ? read_next(directory) : real(readdir64)(directory);
}

/* The two structures are one, with 64 bits throughout. */
INTERPOSED struct dirent *readdir(DIR *directory) {
  return is_ours(directory) ? (struct dirent *)read_next(directory) : real(readdir)(directory);
}

static int copy_next(DIR *directory, void *into, void **result) {
  long error;
  const struct dirent64 *entry = next(directory, &error);
  *result = 0;
  if (entry == 0) return (int)-error;
  __builtin_memcpy(into, entry, entry->d_reclen);
  *result = into;
  return 0;
}

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

INTERPOSED int readdir_r(DIR *restrict directory, struct dirent *restrict into, struct dirent **restrict result) {
  return is_ours(directory) ? copy_next(directory, into, (void **)result) : real(readdir_r)(directory, into, result);
}

INTERPOSED int readdir64_r(DIR *restrict directory, struct dirent64 *restrict into, struct dirent64 **restrict result) {
  return is_ours(directory) ? copy_next(directory, into, (void **)result) : real(readdir64_r)(directory, into, result);
}

static void go_to(DIR *directory, int64_t position) {
  directory->at = directory->filled = 0;
  directory->position = position;
  listing_seek(&directory->listing, position);
}

INTERPOSED void rewinddir(DIR *directory) {
  if (is_ours(directory)) go_to(directory, 0);
  else real(rewinddir)(directory);
}

INTERPOSED long telldir(DIR *directory) {
  return is_ours(directory) ? directory->position : real(telldir)(directory);
}

INTERPOSED void seekdir(DIR *directory, long position) {
  if (is_ours(directory)) go_to(directory, position);
  else real(seekdir)(directory, position);
}

/** Entries that are asked for without a stream. One that goes live in the middle begins again. */
INTERPOSED ssize_t getdents64(int fd, void *into, size_t size) {
  if (!wrap_enter()) return returned(sys(SYS_getdents64, fd, into, size));
  struct listing listing = {.fd = fd};
  long result = listing_read(&listing, into, size);
  listing_free(&listing);
  wrap_leave();
  return returned(result);
}

typedef int choice(const struct dirent64 *);
typedef int comparison(const struct dirent64 **, const struct dirent64 **);

struct scan {
  struct dirent64 **entries;
  size_t count, room;
};

static bool add(struct scan *scan, const struct dirent64 *entry) {
  if (scan->count == scan->room) {
    size_t room = scan->room == 0 ? 10 : 2 * scan->room;
    void *larger = realloc(scan->entries, room * sizeof *scan->entries);
    if (larger == 0) return false;
    scan->entries = larger;
    scan->room = room;
  }
  struct dirent64 *copy = malloc(entry->d_reclen);
  if (copy == 0) return false;
  scan->entries[scan->count++] = memcpy(copy, entry, entry->d_reclen);
  return true;
}

/** The program's allocator is called for what the program is to free; and its functions run outside of the shim. */
static int scan_at(int at, const char *path, struct dirent64 ***entries, choice *choose, comparison *compare) {
  DIR *directory = open_at(at, path);
  if (directory == 0) return -1;
  struct scan scan = {0, 0, 0};
  int kept = errno;
  bool fits = true;
  const struct dirent64 *entry;
  for (errno = 0; fits && (entry = readdir64(directory)) != 0; errno = 0)
    if (choose == 0 || choose(entry)) fits = add(&scan, entry);
  int failed = errno;
  if (failed == 0 && fits) {
    if (compare != 0 && scan.count > 0) qsort(scan.entries, scan.count, sizeof *scan.entries, (int (*)(const void *, const void *))compare);
    *entries = scan.entries;
    errno = kept;
  } else {
    for (size_t i = 0; i < scan.count; i++) free(scan.entries[i]);
    free(scan.entries);
  }
  closedir(directory);
  if (failed == 0 && fits) return (int)scan.count;
  errno = fits ? failed : ENOMEM;
  return -1;
}

#define AS_64(entries, choose, compare) (struct dirent64 ***)(entries), (choice *)(choose), (comparison *)(compare)

INTERPOSED int scandir(const char *restrict path, struct dirent ***restrict entries, int (*choose)(const struct dirent *),
                       int (*compare)(const struct dirent **, const struct dirent **)) {
  if (!is_wrapped()) return real(scandir)(path, entries, choose, compare);
  return scan_at(AT_FDCWD, path, AS_64(entries, choose, compare));
}

INTERPOSED int scandir64(const char *restrict path, struct dirent64 ***restrict entries, choice *choose, comparison *compare) {
  if (!is_wrapped()) return real(scandir64)(path, entries, choose, compare);
  return scan_at(AT_FDCWD, path, entries, choose, compare);
}

INTERPOSED int scandirat(int at, const char *restrict path, struct dirent ***restrict entries,
                         int (*choose)(const struct dirent *), int (*compare)(const struct dirent **, const struct dirent **)) {
  if (!is_wrapped()) return real(scandirat)(at, path, entries, choose, compare);
  return scan_at(at, path, AS_64(entries, choose, compare));
}

INTERPOSED int scandirat64(int at, const char *restrict path, struct dirent64 ***restrict entries, choice *choose, comparison *compare) {
  if (!is_wrapped()) return real(scandirat64)(at, path, entries, choose, compare);
  return scan_at(at, path, entries, choose, compare);
}
