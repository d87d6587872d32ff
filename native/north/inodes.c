#define _GNU_SOURCE
#include "inodes.h"

#include <stdbool.h>
#include <sys/mman.h>

#include "recording.h"
#include "sys.h"

/* Of each file two. Less than 3 MB of addresses, touched where needed. */
#define PLACES 65536u
#define FULL (PLACES / 4 * 3)
#define DEVICES 16
/** Set in the number of a file that would otherwise be taken for another one. */
#define NUMBER_OF_OTHER (1ull << 62)

enum side { NOTHING, OWN, SHOWN };

/** Found by either side; `other` is then the other one. */
struct place {
  uint64_t side;
  struct inode inode, other;
};

static struct {
  uint32_t count;
  struct {
    uint64_t own, shown;
  } devices[DEVICES];
  uint32_t devices_count;
  struct place places[PLACES];
} *known;

static bool same(struct inode left, struct inode right) {
  return left.device == right.device && left.number == right.number;
}

/** @returns where it is, or would be */
static struct place *find(enum side side, struct inode inode) {
  uint64_t hash = (inode.number * 0x9e3779b97f4a7c15ull) ^ (inode.device * 0xc2b2ae3d27d4eb4full) ^ side;
  uint32_t at = (uint32_t)(hash >> 40) % PLACES;
  while (known->places[at].side != NOTHING && !(known->places[at].side == side && same(known->places[at].inode, inode)))
    at = (at + 1) % PLACES;
  return &known->places[at];
}

static void put(enum side side, struct inode inode, struct inode other) {
  struct place *place = find(side, inode);
  if (place->side == NOTHING) {
    if (known->count >= FULL) return;
    known->count++;
  }
  *place = (struct place){side, inode, other};
}

static void learn_device(uint64_t shown, uint64_t own) {
  for (uint32_t i = 0; i < known->devices_count; i++)
    if (known->devices[i].own == own) return;
  if (known->devices_count == DEVICES) return;
  known->devices[known->devices_count].own = own;
  known->devices[known->devices_count++].shown = shown;
}

static uint64_t shown_device(uint64_t own) {
  for (uint32_t i = 0; i < known->devices_count; i++)
    if (known->devices[i].own == own) return known->devices[i].shown;
  return own;
}

void inodes_reserve(void) {
  int flags = MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE;
  long at = sys(SYS_mmap, 0, sizeof *known, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (at >= 0 || at <= -4096) known = (void *)at;
}

void inode_learn(struct inode shown, struct inode own) {
  if (known == 0) return;
  lock_take();
  learn_device(shown.device, own.device);
  // The last that was learnt counts: a disk gives the number of a removed file to the next one.
  put(OWN, own, shown);
  put(SHOWN, shown, own);
  lock_leave();
}

bool inodes_differ(void) {
  return known != 0 && known->devices_count > 0;
}

struct inode inode_shown(struct inode own) {
  if (known == 0) return own;
  lock_take();
  const struct place *place = find(OWN, own);
  struct inode shown = {shown_device(own.device), own.number};
  if (place->side != NOTHING) shown = place->other;
  else if (find(SHOWN, shown)->side != NOTHING) shown.number |= NUMBER_OF_OTHER;
  lock_leave();
  return shown;
}
