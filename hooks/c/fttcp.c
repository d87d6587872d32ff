/* The server's processes and the daemon share a file, in which each record is appended by one write; docs/protocol.md, section 10, says
 * what is in it. Outside fttcp there is none. */
#define _GNU_SOURCE
#include "fttcp.h"
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { CHOSEN = 1, GIVEN = 2, ASKS = 3 };
enum { MAGIC = 0x48435446, VERSION = 1, BACKLOG_MOST = 16 << 20 };
enum { TO_CHOOSE, ANSWERED, TO_WAIT };
struct head { uint32_t magic, version, live, zero; uint64_t start, kept, taken; };
struct record { uint32_t length; uint8_t kind, name_length, form, zero; };
/* A value for which nobody has asked, or a question without a value; or a value that answers a question of this process. */
struct item { struct item *next; uint64_t place, asker; struct record record; char body[]; };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct item *waiting, **waiting_end = &waiting, *answers;
static uint64_t read_to, kept;
static uint32_t asked;
static int is_live;

static int read_head(int fd, struct head *head) {
  if (pread(fd, head, sizeof *head, 0) == sizeof *head && head->magic == MAGIC && head->version == VERSION) return 0;
  errno = EBADF;
  return -1;
}

static int append(int fd, int kind, const char *name, const void *data, size_t length) {
  size_t name_length = strlen(name);
  struct record record = {sizeof record + name_length + length, kind, name_length, 0, 0};
  struct iovec parts[] = {{&record, sizeof record}, {(void *)name, name_length}, {(void *)data, length}};
  ssize_t written = writev(fd, parts, 3);
  if (written >= 0 && written != record.length) errno = EIO;
  return written == record.length ? 0 : -1;
}

static void sleep_briefly(void) { nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); }

static struct item *unlink_item(struct item **link) {
  struct item *item = *link;
  *link = item->next;
  if (waiting_end == &item->next) waiting_end = link;
  return item;
}

static struct item **find(int kind, const char *name, size_t length) {
  struct item **link = &waiting;
  for (; *link; link = &(*link)->next)
    if ((*link)->record.kind == kind && (*link)->record.name_length == length && memcmp((*link)->body, name, length) == 0) break;
  return link;
}

/* The first question by a name and the first value by it belong together. */
static int take(uint64_t place, const struct record *record, const char *body) {
  if (record->kind == CHOSEN) return 0;
  struct item *item = malloc(sizeof *item + record->length), *value = item, *question;
  if (item == NULL) return -1;
  *item = (struct item){.place = place, .record = *record};
  memcpy(item->body, body, record->length - sizeof *record);
  if (record->kind == ASKS) memcpy(&item->asker, body + record->name_length, sizeof item->asker);
  struct item **other = find(record->kind == ASKS ? GIVEN : ASKS, body, record->name_length);
  if (*other == NULL) {
    *waiting_end = item;
    waiting_end = &item->next;
    return 0;
  }
  question = unlink_item(other);
  if (record->kind == ASKS) value = question, question = item;
  value->asker = question->asker;
  free(question);
  value->next = answers;
  if ((uint32_t)value->asker == (uint32_t)getpid()) answers = value;
  else free(value);
  return 0;
}

/* Takes what was written since the last time. What the head says first, the records can only confirm. */
static int read_records(int fd) {
  static char bytes[256 << 10];
  struct head head;
  struct record record;
  if (read_head(fd, &head) < 0) return -1;
  if (read_to < head.kept) read_to = head.start;
  for (ssize_t used = 1; used > 0; read_to += used) {
    ssize_t got = pread(fd, bytes, sizeof bytes, read_to);
    if (got < 0) return -1;
    for (used = 0; got - used >= (ssize_t)sizeof record; used += record.length) {
      memcpy(&record, bytes + used, sizeof record);
      if (record.length < sizeof record || record.length > got - used) break;
      if (take(read_to + used, &record, bytes + used + sizeof record) < 0) return -1;
    }
  }
  is_live = head.live;
  if (!is_live && kept == head.kept) return 0;
  kept = head.kept;
  for (struct item **link = &waiting; *link;)
    if ((*link)->record.kind == GIVEN ? (*link)->place < kept : is_live) free(unlink_item(link));
    else link = &(*link)->next;
  return 0;
}

/* Returns TO_CHOOSE, ANSWERED, TO_WAIT, or −1. Asks first, unless there is nothing to be given and never will be. Where this process begins
 * to read is decided before: it must see its own question. */
static int ask(int fd, uint64_t *asker, const char *name, void *value, size_t capacity, size_t *length) {
  if (*asker == 0) {
    if (!is_live && read_records(fd) < 0) return -1;
    if (is_live && *find(GIVEN, name, strlen(name)) == NULL) return TO_CHOOSE;
    *asker = (uint64_t)++asked << 32 | (uint32_t)getpid();
    if (append(fd, ASKS, name, asker, sizeof *asker) < 0) return -1;
  }
  if (read_records(fd) < 0) return -1;
  struct item **link = &answers, *answer;
  while (*link && (*link)->asker != *asker) link = &(*link)->next;
  if ((answer = *link) == NULL) return is_live ? TO_CHOOSE : TO_WAIT;
  *link = answer->next;
  *length = answer->record.length - sizeof answer->record - answer->record.name_length;
  if (*length <= capacity) memcpy(value, answer->body + answer->record.name_length, *length);
  free(answer);
  errno = EMSGSIZE;
  return *length <= capacity ? ANSWERED : -1;
}

ssize_t fttcp_choose(const char *name, void *value, size_t capacity, fttcp_choice *choice, void *context) {
  const char *number = getenv("FTTCP_CHOICES");
  int fd = number ? atoi(number) : -1, what = number ? TO_WAIT : TO_CHOOSE;
  uint64_t asker = 0;
  size_t length = 0;
  struct stat file;
  struct head head;
  if (*name == '\0' || strlen(name) > FTTCP_NAME_MOST) return errno = EINVAL, -1;
  if (number && read_head(fd, &head) < 0) return -1;
  while (what == TO_WAIT) {
    pthread_mutex_lock(&lock);
    what = ask(fd, &asker, name, value, capacity, &length);
    pthread_mutex_unlock(&lock);
    if (what == TO_WAIT) sleep_briefly();
  }
  if (what != TO_CHOOSE) return what == ANSWERED ? (ssize_t)length : -1;
  length = choice(context, value, capacity);
  if (length > FTTCP_VALUE_MOST || length > capacity) return errno = EINVAL, -1;
  if (number == NULL) return length;
  while (fstat(fd, &file) == 0 && read_head(fd, &head) == 0 && file.st_size - (off_t)head.taken > BACKLOG_MOST) sleep_briefly();
  return append(fd, CHOSEN, name, value, length) < 0 ? -1 : (ssize_t)length;
}
