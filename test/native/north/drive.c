/*
 * Runs programs under the shim without a daemon: once to record, and again to replay what was recorded.
 *
 *     drive record SHIM RECORDING FOLDER PROGRAM [ARGUMENT…] [-- PROGRAM …]
 *     drive replay SHIM RECORDING FOLDER:RECORDS PROGRAM …
 *
 * The programs are the processes 1, 2, … of one service. They start at once, each in FOLDER, and write to FOLDER.1, FOLDER.2, …. A replay is given
 * the first RECORDS records (or all) and goes live there. It fails when a program does, or diverges, or takes too long.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../../native/north/layout.h"
#include "../../../native/north/sys.h"

#define PROGRAMS_MAX 8
/* With those that the programs make, which are numbered on from theirs. */
#define PROCESSES_MAX 64
#define PATIENCE_MS 20000

static struct north_header *north;
static int memory;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static uint8_t *ring_at(uint32_t offset) {
  return (uint8_t *)north + offset;
}

static struct north_slot *slots(void) {
  return (struct north_slot *)ring_at(NORTH_SLOTS_OFFSET);
}

static void make_memory(uint32_t mode) {
  size_t size = NORTH_REPLAY_OFFSET + (size_t)PROCESSES_MAX * NORTH_REPLAY_BYTES;
  memory = memfd_create("north", 0);
  if (memory < 0 || ftruncate(memory, (off_t)size) < 0) fail("memfd");
  north = mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  if (north == MAP_FAILED) fail("mmap");
  north->magic = NORTH_MAGIC;
  north->version = NORTH_VERSION;
  north->mode = mode;
}

struct program {
  char **arguments;
  pid_t pid;
};
static struct program programs[PROGRAMS_MAX];
static int count;

/** What a process is to be given. */
struct tape {
  uint8_t *records;
  size_t given, length;
};
static struct tape tapes[PROCESSES_MAX];

static void start(int index, const char *shim, const char *folder) {
  struct program *program = &programs[index];
  program->pid = fork();
  if (program->pid != 0) return;
  char path[4096], entry[64];
  snprintf(path, sizeof path, "%s.%d", folder, index + 1);
  int output = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (output < 0 || dup2(output, 1) < 0 || chdir(folder) < 0) fail(folder);
  close(output);
  snprintf(entry, sizeof entry, "%d:%d:0000000000", memory, index + 1);
  setenv("FTTCP_NORTH", entry, 1);
  setenv("LD_PRELOAD", shim, 1);
  execvp(program->arguments[0], program->arguments);
  fail(program->arguments[0]);
}

/** Appends what has been recorded to the file, without padding. */
static void drain(FILE *into) {
  struct north_ends *ends = &north->recording;
  uint32_t head = __atomic_load_n(&ends->head, __ATOMIC_SEQ_CST);
  while (ends->tail != head) {
    const uint8_t *at = ring_at(NORTH_RECORDING_OFFSET) + ends->tail % NORTH_RECORDING_BYTES;
    const struct north_record *record = (const struct north_record *)at;
    uint32_t length = record->length;
    if (record->call == NORTH_PAD) length = NORTH_RECORDING_BYTES - ends->tail % NORTH_RECORDING_BYTES;
    else fwrite(at, 1, length, into);
    __atomic_store_n(&ends->tail, ends->tail + length, __ATOMIC_SEQ_CST);
  }
  if (__atomic_load_n(&ends->writer_waits, __ATOMIC_SEQ_CST) != 0) futex_wake(&ends->tail, 1, 1);
}

/** Puts as many records into the rings as there is room for. */
static void feed(void) {
  for (int i = 0; i < PROCESSES_MAX; i++) {
    struct tape *tape = &tapes[i];
    struct north_ends *ends = &slots()[i].ends;
    uint8_t *ring = ring_at(NORTH_REPLAY_OFFSET + (uint32_t)i * NORTH_REPLAY_BYTES);
    while (tape->given < tape->length) {
      const uint8_t *from = tape->records + tape->given;
      uint32_t length = ((const struct north_record *)from)->length;
      uint32_t left = NORTH_REPLAY_BYTES - ends->head % NORTH_REPLAY_BYTES;
      uint32_t pad = left < length ? left : 0;
      if (NORTH_REPLAY_BYTES - (ends->head - __atomic_load_n(&ends->tail, __ATOMIC_SEQ_CST)) < pad + length) break;
      if (pad > 0) ((struct north_record *)(ring + ends->head % NORTH_REPLAY_BYTES))->call = NORTH_PAD;
      memcpy(ring + (ends->head + pad) % NORTH_REPLAY_BYTES, from, length);
      __atomic_store_n(&ends->head, ends->head + pad + length, __ATOMIC_SEQ_CST);
      tape->given += length;
    }
    if (__atomic_load_n(&ends->reader_waits, __ATOMIC_SEQ_CST) != 0) futex_wake(&ends->head, 1, 1);
  }
}

static void add(struct tape *tape, const void *record, size_t length) {
  tape->records = realloc(tape->records, tape->length + length);
  memcpy(tape->records + tape->length, record, length);
  tape->length += length;
}

static void load(const char *path, long records) {
  FILE *from = fopen(path, "r");
  if (from == 0) fail(path);
  _Alignas(8) uint8_t bytes[NORTH_RECORD_MAX + 8];
  struct north_record *record = (struct north_record *)bytes;
  for (long i = 0; i < records && fread(record, sizeof *record, 1, from) == 1; i++) {
    size_t rest = record->length - sizeof *record;
    if (fread(record + 1, 1, rest, from) != rest || record->process < 1 || record->process > PROCESSES_MAX) fail("a record");
    if ((record->call & NORTH_ORDERED) != 0) north->order = north->order_last = record->detail;
    add(&tapes[record->process - 1], record, record->length);
  }
  fclose(from);
  for (int i = 0; i < PROCESSES_MAX; i++) {
    struct north_record end = {.length = sizeof end, .call = NORTH_END, .process = (uint32_t)i + 1};
    add(&tapes[i], &end, sizeof end);
    slots()[i].process = (uint32_t)i + 1;
  }
}

/** @returns how many programs have ended badly */
static int reap(int *running) {
  int failed = 0, status;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    (*running)--;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
    for (int i = 0; i < count; i++)
      if (programs[i].pid == pid) fprintf(stderr, "program %d: status %x\n", i + 1, status);
    failed++;
  }
  return failed;
}

static void report(void) {
  const struct north_divergence *first = &north->first_divergence;
  fprintf(stderr, "diverged: process %u thread %u: expected call %u object %x result %lld, made call %u object %x: %s\n", first->process,
          first->thread, first->expected, (unsigned)first->expected_object, (long long)first->expected_result, first->made,
          (unsigned)first->made_object, first->text);
}

static int run(FILE *into) {
  int running = count, failed = 0;
  for (int ms = 0; running > 0; ms++) {
    feed();
    drain(into);
    failed += reap(&running);
    if (north->divergences > 0) report();
    else if (ms > PATIENCE_MS) fprintf(stderr, "takes too long\n");
    else {
      usleep(1000);
      continue;
    }
    failed++;
    for (int i = 0; i < count; i++) kill(programs[i].pid, SIGKILL);
    while (running > 0 && waitpid(-1, 0, 0) > 0) running--;
  }
  drain(into);
  return failed;
}

int main(int arguments, char **argument) {
  if (arguments < 6) return 2;
  bool records = strcmp(argument[1], "record") == 0;
  char *folder = argument[4], *limit = strrchr(folder, ':');
  if (limit != 0) *limit++ = 0;
  for (int i = 5; i < arguments && count < PROGRAMS_MAX; i++) {
    programs[count++].arguments = argument + i;
    while (i < arguments && strcmp(argument[i], "--") != 0) i++;
    argument[i] = 0;
  }
  make_memory(records ? NORTH_RECORD : NORTH_REPLAY);
  north->next_process = (uint32_t)count + 1;
  FILE *into = fopen(records ? argument[3] : "/dev/null", "w");
  if (into == 0) fail(argument[3]);
  if (!records) load(argument[3], limit == 0 ? 1000000000 : atol(limit));
  for (int i = 0; i < count; i++) start(i, argument[2], folder);
  int failed = run(into);
  fclose(into);
  for (int i = 0; i < PROCESSES_MAX; i++) free(tapes[i].records);
  return failed > 0;
}
