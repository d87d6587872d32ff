#define _GNU_SOURCE
#include "memory.h"

#include <fcntl.h>
#include <linux/mman.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sys.h"

#define LOCK_WAITED 0x80000000u
/** Then a waiter looks whether the holder still lives: pids tell nothing to who is in another namespace. */
#define LOCK_PATIENCE_NS 100000000ll
#define SPINS 200
/** The memory's descriptor is moved out of the way of the program's own. */
#define FD_WANTED 1000
#define PID_DIGITS 10
/* A process that does nothing for so long has ended, or was killed already. */
#define STEP_NS 200000
#define STEPS 5000

struct north_header *north;
uint32_t north_process;

static int fd = -1;
static uint8_t *recording;
static struct north_slot *slot;
static uint8_t *replay;

extern char **environ;

static const char *entry_of_environment(void) {
  for (char **entry = environ; entry != 0 && *entry != 0; entry++) {
    const char *text = *entry, *name = NORTH_VARIABLE "=";
    while (*name != 0 && *text == *name) text++, name++;
    if (*name == 0) return text;
  }
  return 0;
}

static uint32_t number(const char **text) {
  uint32_t value = 0;
  while (**text >= '0' && **text <= '9') value = 10 * value + (uint32_t)(*(*text)++ - '0');
  if (**text == ':') (*text)++;
  return value;
}

static void *map(uint32_t length, uint32_t offset) {
  long at = sys(SYS_mmap, 0, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
  return at < 0 && at > -4096 ? 0 : (void *)at;
}

/** Room for a replay ring, whether there will be one or not: what the program maps lies at the same addresses on every replica. */
static bool reserve_replay(void) {
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (replay == 0 ? 0 : MAP_FIXED);
  long at = sys(SYS_mmap, replay, NORTH_REPLAY_BYTES, PROT_NONE, flags, -1, 0);
  if (at < 0 && at > -4096) return false;
  replay = (uint8_t *)at;
  return true;
}

static bool map_replay(uint32_t index) {
  long at = sys(SYS_mmap, replay, NORTH_REPLAY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
                NORTH_REPLAY_OFFSET + index * NORTH_REPLAY_BYTES);
  return at == (long)replay;
}

/** @param end after the last digit of a number as `memory_entry` writes it */
static void put_padded(char *end, uint32_t value) {
  for (int i = 0; i < PID_DIGITS; i++, value /= 10) *--end = (char)('0' + value % 10);
}

/**
 * As long as a process lives it has locked the byte of its number in the memory's file. Such a lock is of one process, stays with it when it becomes
 * another program, and ends with it; but also when it closes any descriptor of the file. fcntl_locking(2)
 */
static struct flock life_of(uint32_t process) {
  return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = process, .l_len = 1};
}

static void begin_life(void) {
  struct flock life = life_of(north_process);
  sys(SYS_fcntl, fd, F_SETLK, &life);
}

static bool lives(uint32_t process) {
  struct flock life = life_of(process);
  return process == north_process || sys(SYS_fcntl, fd, F_GETLK, &life) < 0 || life.l_type != F_UNLCK;
}

bool memory_attach(void) {
  const char *text = entry_of_environment();
  if (text == 0) return false;
  fd = (int)number(&text);
  uint32_t process = number(&text);
  uint32_t pid = number(&text);
  // A program started by a call that is not interposed has its parent's entry.
  if (pid == 0) put_padded((char *)text, (uint32_t)sys(SYS_getpid));
  else if (pid != (uint32_t)sys(SYS_getpid)) return false;
  if (fd < FD_WANTED) {
    long moved = sys(SYS_fcntl, fd, F_DUPFD, FD_WANTED);
    if (moved >= 0) {
      sys(SYS_close, fd);
      fd = (int)moved;
    }
  }
  struct north_header *header = map(NORTH_RECORDING_OFFSET, 0);
  if (header == 0 || header->magic != NORTH_MAGIC || header->version != NORTH_VERSION) return false;
  recording = map(NORTH_RECORDING_BYTES, NORTH_RECORDING_OFFSET);
  if (recording == 0 || !reserve_replay()) return false;
  north_process = process;
  north = header;
  begin_life();
  // Another thread of the program that this process was may have held it.
  if ((__atomic_load_n(&north->lock, __ATOMIC_RELAXED) & ~LOCK_WAITED) == process) lock_leave();
  return true;
}

int memory_fd(void) {
  return fd;
}

static char *put_number(char *at, uint32_t value) {
  char digits[10];
  int count = 0;
  do digits[count++] = (char)('0' + value % 10);
  while ((value /= 10) > 0);
  while (count > 0) *at++ = digits[--count];
  return at;
}

const char *memory_entry(uint32_t process, int pid, char *into) {
  char *at = into;
  for (const char *name = NORTH_VARIABLE "="; *name != 0; name++) *at++ = *name;
  at = put_number(at, (uint32_t)fd);
  *at++ = ':';
  at = put_number(at, process);
  *at++ = ':';
  at += PID_DIGITS;
  put_padded(at, (uint32_t)pid);
  *at = 0;
  return into;
}

void memory_forked(uint32_t process) {
  north_process = process;
  begin_life();
  reserve_replay();
  slot = 0;
}

void lock_take(void) {
  uint32_t self = north_process, seen = 0;
  for (int i = 0; i < SPINS; i++) {
    seen = 0;
    if (__atomic_compare_exchange_n(&north->lock, &seen, self, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) return;
  }
  for (;;) {
    uint32_t holder = seen & ~LOCK_WAITED;
    // Whoever has waited leaves the mark behind: others may be waiting still.
    if (holder == 0 || !lives(holder)) {
      if (__atomic_compare_exchange_n(&north->lock, &seen, self | LOCK_WAITED, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return;
      continue;
    }
    if ((seen & LOCK_WAITED) == 0 &&
        !__atomic_compare_exchange_n(&north->lock, &seen, seen | LOCK_WAITED, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
      continue;
    futex_wait(&north->lock, seen | LOCK_WAITED, 1, LOCK_PATIENCE_NS);
    seen = __atomic_load_n(&north->lock, __ATOMIC_RELAXED);
  }
}

void lock_leave(void) {
  if ((__atomic_exchange_n(&north->lock, 0, __ATOMIC_RELEASE) & LOCK_WAITED) != 0) futex_wake(&north->lock, 1, 1);
}

/** Waits until `length` bytes are free: the daemon takes what there is in each of its turns. */
static void await_room(struct north_ends *ends, uint32_t length) {
  for (;;) {
    uint32_t tail = __atomic_load_n(&ends->tail, __ATOMIC_ACQUIRE);
    if (NORTH_RECORDING_BYTES - (ends->head - tail) >= length) return;
    __atomic_store_n(&ends->writer_waits, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&ends->tail, __ATOMIC_SEQ_CST) == tail) futex_wait(&ends->tail, tail, 1, -1);
    __atomic_store_n(&ends->writer_waits, 0, __ATOMIC_SEQ_CST);
  }
}

static void put_record(uint32_t head, const struct north_record *record, const struct north_part *parts, int count) {
  uint8_t *at = recording + head % NORTH_RECORDING_BYTES;
  __builtin_memcpy(at, record, sizeof *record);
  at += sizeof *record;
  for (int i = 0; i < count; i++) {
    if (parts[i].length > 0) __builtin_memcpy(at, parts[i].bytes, parts[i].length);
    at += parts[i].length;
  }
  // Zeros, so that what is in the log is a function of what happened.
  while (((uintptr_t)at & 7) != 0) *at++ = 0;
}

void ring_append(struct north_record record, const struct north_part *parts, int count) {
  struct north_ends *ends = &north->recording;
  uint32_t length = sizeof record;
  for (int i = 0; i < count; i++) length += parts[i].length;
  length = (length + 7) & ~7u;
  uint32_t left = NORTH_RECORDING_BYTES - ends->head % NORTH_RECORDING_BYTES;
  uint32_t pad = left < length ? left : 0;
  await_room(ends, pad + length);
  uint32_t head = ends->head;
  if (pad > 0) {
    struct north_record *gap = (struct north_record *)(recording + head % NORTH_RECORDING_BYTES);
    gap->length = (uint16_t)pad;
    gap->call = NORTH_PAD;
    gap->process = 0;
    head += pad;
  }
  record.length = (uint16_t)length;
  record.process = north_process;
  put_record(head, &record, parts, count);
  __atomic_store_n(&ends->head, head + length, __ATOMIC_SEQ_CST);
}

static struct north_slot *all_slots(void) {
  return (struct north_slot *)((uint8_t *)north + NORTH_SLOTS_OFFSET);
}

struct north_slot *replay_slot(void) {
  if (slot != 0) return slot;
  struct north_slot *slots = all_slots();
  for (uint32_t i = 0; i < NORTH_SLOTS; i++) {
    if (__atomic_load_n(&slots[i].process, __ATOMIC_ACQUIRE) != north_process) continue;
    if (!map_replay(i)) return 0;
    slot = &slots[i];
    slot->pid = (uint32_t)sys(SYS_getpid);
    return slot;
  }
  return 0;
}

const struct north_record *replay_peek(void) {
  uint32_t head = __atomic_load_n(&slot->ends.head, __ATOMIC_ACQUIRE);
  while (slot->ends.tail != head) {
    const struct north_record *record = (const struct north_record *)(replay + slot->ends.tail % NORTH_REPLAY_BYTES);
    if (record->call != NORTH_PAD) return record;
    replay_taken(record);
  }
  return 0;
}

void replay_taken(const struct north_record *record) {
  struct north_ends *ends = &slot->ends;
  uint32_t left = NORTH_REPLAY_BYTES - ends->tail % NORTH_REPLAY_BYTES;
  uint32_t length = record->call == NORTH_PAD ? left : record->length;
  __atomic_store_n(&ends->tail, ends->tail + length, __ATOMIC_RELEASE);
}

const struct north_record *replay_wait(void) {
  for (;;) {
    const struct north_record *record = replay_peek();
    // The end stays where it is, for the program that this process may become.
    if (record != 0) return record->call == NORTH_END ? 0 : record;
    uint32_t head = slot->ends.tail;
    __atomic_store_n(&slot->ends.reader_waits, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&slot->ends.head, __ATOMIC_SEQ_CST) == head) futex_wait(&slot->ends.head, head, 1, -1);
    __atomic_store_n(&slot->ends.reader_waits, 0, __ATOMIC_SEQ_CST);
  }
}

void replay_expect(uint32_t process, int pid) {
  struct north_slot *slots = all_slots();
  for (uint32_t i = 0; i < NORTH_SLOTS; i++)
    if (slots[i].process == process) slots[i].pid = (uint32_t)pid;
}

/** @returns whether what another process has before it is the end of its replay, or nothing */
static bool is_at_end(const struct north_slot *other, uint32_t index) {
  uint32_t tail = __atomic_load_n(&other->ends.tail, __ATOMIC_ACQUIRE), head = __atomic_load_n(&other->ends.head, __ATOMIC_ACQUIRE);
  uint8_t *ring = map(NORTH_REPLAY_BYTES, NORTH_REPLAY_OFFSET + index * NORTH_REPLAY_BYTES);
  if (ring == 0 || tail == head) return true;
  const struct north_record *record = (const struct north_record *)(ring + tail % NORTH_REPLAY_BYTES);
  // The end stands at the beginning of the ring if there was no room for it.
  if (record->call == NORTH_PAD) record = (const struct north_record *)ring;
  bool is_end = record->call == NORTH_END;
  sys(SYS_munmap, ring, NORTH_REPLAY_BYTES);
  return is_end;
}

void replay_await(int pid) {
  struct north_slot *slots = all_slots();
  struct timespec moment = {0, STEP_NS};
  for (uint32_t i = 0; i < NORTH_SLOTS; i++) {
    struct north_slot *other = &slots[i];
    uint32_t head = __atomic_load_n(&other->ends.head, __ATOMIC_ACQUIRE), tail = head;
    if (other == slot || other->process == 0 || other->pid != (uint32_t)pid) continue;
    for (int step = 0; step < STEPS && !is_at_end(other, i); step++) {
      uint32_t now = __atomic_load_n(&other->ends.tail, __ATOMIC_ACQUIRE);
      if ((int32_t)(now - head) >= 0) break;
      if (now != tail) step = 0;
      tail = now;
      sys(SYS_nanosleep, &moment, 0);
    }
  }
}
