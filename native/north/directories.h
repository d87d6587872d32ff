/*
 * A directory that is read: its order, inode numbers and positions differ between two disks, so entries are recorded as the kernel gives them, a
 * buffer at a time, and given again. A replica that goes live in the middle reads its own directory from the beginning and leaves out what has been given.
 */
#ifndef NORTH_DIRECTORIES_H
#define NORTH_DIRECTORIES_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As large as the C library's: what it gives at once is what changes meanwhile do not touch. */
#define LISTING_BYTES 32768

/** An entry that was given in a replay. */
struct given {
  int64_t position;
  uint64_t name;
};

/** A list of entries, in the order in which they were given. No memory of the program's: its allocator counts. */
struct listing {
  int fd;
  bool behind;    /* the descriptor does not stand where the program believes */
  bool restarted; /* and is read from its beginning, without what was given */
  struct given *given;
  uint32_t count, room;
  uint64_t *known; /* the names of `given`, by hash */
  uint32_t known_room;
};

/** @returns length of the entries, 0 at the end, -errno; between `wrap_enter` and `wrap_leave` */
long listing_read(struct listing *listing, void *into, size_t size);
/** @param position of the last entry before; 0: the beginning */
void listing_seek(struct listing *listing, int64_t position);
void listing_free(struct listing *listing);

#endif
