#define _GNU_SOURCE
#include "directories.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inodes.h"
#include "recording.h"
#include "sys.h"

/* Positions that a replica gives out which went live in the middle; no file system's. */
#define POSITIONS_SINCE 0x6e6f727468000000ll /* "north" */

static void *map(size_t bytes) {
  long at = sys(SYS_mmap, 0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return at < 0 && at > -4096 ? 0 : (void *)at;
}

/** FNV-1a; 0 is no name. */
static uint64_t hash_of(const char *name) {
  uint64_t hash = 0xcbf29ce484222325ull;
  for (; *name != 0; name++) hash = (hash ^ (uint8_t)*name) * 0x100000001b3ull;
  return hash == 0 ? 1 : hash;
}

static void remember(struct listing *listing, int64_t position, uint64_t name) {
  if (listing->count == listing->room) {
    uint32_t room = listing->room == 0 ? 256 : 2 * listing->room;
    struct given *larger = map(room * sizeof *larger);
    if (larger == 0) return; // then it may be given twice
    if (listing->room > 0) {
      __builtin_memcpy(larger, listing->given, listing->count * sizeof *larger);
      sys(SYS_munmap, listing->given, listing->room * sizeof *larger);
    }
    listing->given = larger;
    listing->room = room;
  }
  listing->given[listing->count++] = (struct given){position, name};
}

static void forget_known(struct listing *listing) {
  if (listing->known != 0) sys(SYS_munmap, listing->known, listing->known_room * sizeof(uint64_t));
  listing->known = 0;
  listing->known_room = 0;
}

static uint64_t *place_of(const struct listing *listing, uint64_t name) {
  uint32_t at = (uint32_t)name & (listing->known_room - 1);
  while (listing->known[at] != 0 && listing->known[at] != name) at = (at + 1) & (listing->known_room - 1);
  return &listing->known[at];
}

static void know_given(struct listing *listing) {
  forget_known(listing);
  uint32_t room = 64;
  while (room < 2 * listing->count) room *= 2;
  listing->known = map(room * sizeof(uint64_t));
  if (listing->known == 0) return;
  listing->known_room = room;
  for (uint32_t i = 0; i < listing->count; i++) *place_of(listing, listing->given[i].name) = listing->given[i].name;
}

static bool is_given(const struct listing *listing, uint64_t name) {
  return listing->known != 0 && *place_of(listing, name) != 0;
}

static void remember_all(struct listing *listing, const uint8_t *entries, size_t length) {
  for (size_t at = 0; at < length;) {
    const struct dirent64 *entry = (const struct dirent64 *)(entries + at);
    remember(listing, entry->d_off, hash_of(entry->d_name));
    at += entry->d_reclen;
  }
}

/** Moves together what has not been given. @returns how long that is */
static size_t leave_out_given(struct listing *listing, uint8_t *entries, size_t length) {
  size_t kept = 0;
  for (size_t at = 0; at < length;) {
    struct dirent64 *entry = (struct dirent64 *)(entries + at);
    size_t size = entry->d_reclen;
    uint64_t name = hash_of(entry->d_name);
    if (!is_given(listing, name)) {
      entry->d_off = POSITIONS_SINCE + listing->count;
      remember(listing, entry->d_off, name);
      __builtin_memmove(entries + kept, entry, size);
      kept += size;
    }
    at += size;
  }
  return kept;
}

static long read_rest(struct listing *listing, void *into, size_t size) {
  if (!listing->restarted) {
    sys(SYS_lseek, listing->fd, 0, SEEK_SET);
    know_given(listing);
    listing->restarted = true;
  }
  for (;;) {
    long result = sys(SYS_getdents64, listing->fd, into, size);
    if (result <= 0) return result;
    size_t kept = leave_out_given(listing, into, (size_t)result);
    if (kept > 0) return (long)kept;
  }
}

/** As status shows it. */
static void show_numbers(int fd, uint8_t *entries, long length) {
  struct stat about;
  if (length <= 0 || !inodes_differ() || sys(SYS_fstat, fd, &about) < 0) return;
  for (long at = 0; at < length;) {
    struct dirent64 *entry = (struct dirent64 *)(entries + at);
    entry->d_ino = inode_shown((struct inode){about.st_dev, entry->d_ino}).number;
    at += entry->d_reclen;
  }
}

long listing_read(struct listing *listing, void *into, size_t size) {
  if (size > NORTH_PAYLOAD_MAX) size = NORTH_PAYLOAD_MAX;
  const struct north_record *record = recorded(NORTH_DIRECTORY, listing->fd);
  long result;
  if (record != 0) {
    result = record->result;
    if (result > (long)size) diverged(record, NORTH_DIRECTORY, listing->fd, "a shorter list");
    if (result > 0) {
      __builtin_memcpy(into, payload_of(record), (size_t)result);
      remember_all(listing, into, (size_t)result);
    }
    listing->behind = true;
    replay_taken(record);
  } else {
    result = listing->behind ? read_rest(listing, into, size) : sys(SYS_getdents64, listing->fd, into, size);
    show_numbers(listing->fd, into, result);
    record_bytes(NORTH_DIRECTORY, listing->fd, result, 0, into, result > 0 ? (size_t)result : 0);
  }
  return result;
}

static void seek_behind(struct listing *listing, int64_t position) {
  uint32_t count = listing->count;
  while (count > 0 && listing->given[count - 1].position != position) count--;
  listing->count = position == 0 ? 0 : count;
  listing->restarted = false;
}

void listing_seek(struct listing *listing, int64_t position) {
  // From the beginning there is nothing to leave out any more.
  if (phase != REPLAYING && position == 0) listing->behind = false;
  if (phase == REPLAYING || listing->behind) {
    listing->behind = true;
    seek_behind(listing, position);
  } else {
    sys(SYS_lseek, listing->fd, position, SEEK_SET);
    listing->count = 0;
  }
}

void listing_free(struct listing *listing) {
  if (listing->given != 0) sys(SYS_munmap, listing->given, listing->room * sizeof *listing->given);
  forget_known(listing);
}
