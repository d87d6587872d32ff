/*
 * Processes: each has a number that is the same on every replica, whatever its path there was. They are created in one order, so that the kernel
 * gives them the same pids. A program that a process becomes is told its number by the environment.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/sched.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attach.h"
#include "blocking.h"
#include "clocks.h"
#include "processes.h"
#include "programs.h"
#include "real.h"
#include "recording.h"
#include "signals.h"
#include "sys.h"
#include "timers.h"
#include "token.h"

extern char **environ;

/* ---- fork ---- */

/** @returns the number of the process that is about to be made */
static uint32_t next_process(const struct north_record *record) {
  if (record == 0) return north->next_process++;
  return *(const uint32_t *)payload_of(record);
}

static void made_process(const struct north_record *record, uint32_t process, long pid) {
  if (record != 0 && record->result != pid) diverged(record, NORTH_FORK, -1, "another process id");
  if (record != 0 && pid > 0) replay_expect(process, (int)pid);
  order_end_bytes(record, NORTH_FORK, -1, pid, &process, sizeof process);
}

static void in_child(uint32_t process) {
  memory_forked(process);
  token_forked();
  signals_forked();
  clocks_forked();
  timers_forked();
  if (phase == REPLAYING && replay_slot() == 0) diverged(0, NORTH_FORK, -1, "no replay for a new process");
  inside = false;
}

static long clone_by_call(long flags) {
  return sys(SYS_clone, flags, 0, 0, 0, 0);
}

static long fork_by_library(long flags) {
  (void)flags;
  pid_t pid = real(fork)();
  return pid < 0 ? -errno : pid;
}

static long make_process(long (*make)(long), long flags) {
  const struct north_record *record = recorded(NORTH_FORK, -1);
  order_begin(record);
  uint32_t process = next_process(record);
  long pid = make(flags);
  if (pid == 0) in_child(process);
  else made_process(record, process, pid);
  return pid;
}

INTERPOSED pid_t fork(void) {
  if (!wrap_enter()) return real(fork)();
  long pid = make_process(fork_by_library, 0);
  wrap_leave();
  return (pid_t)returned(pid);
}

/** A child that shares its parent's memory would share the state of its recording. POSIX lets it be a fork. */
INTERPOSED pid_t vfork(void) {
  return fork();
}

INTERPOSED pid_t _Fork(void) {
  if (!wrap_enter()) return real(_Fork)();
  long pid = make_process(clone_by_call, SIGCHLD);
  wrap_leave();
  return (pid_t)returned(pid);
}

/** syscall(SYS_clone, …) of a process, not a thread. */
long clone_process(long flags) {
  return make_process(clone_by_call, flags);
}

/* ---- the environment of another program ---- */

/** LD_PRELOAD as this program was given it: it may have cleared its environment since, or written over it. */
static char preload[4096];

static bool names(const char *entry, const char *variable) {
  while (*variable != 0 && *entry == *variable) entry++, variable++;
  return *variable == 0 && *entry == '=';
}

void preload_remember(void) {
  for (char **entry = environ; entry != 0 && *entry != 0; entry++)
    if (names(*entry, "LD_PRELOAD") && strlen(*entry) < sizeof preload) strcpy(preload, *entry);
}

static size_t length_of(char *const *list) {
  size_t length = 0;
  while (list != 0 && list[length] != 0) length++;
  return length;
}

/** More than the program gives: LD_PRELOAD, its number, and the end. */
#define ADDED 3

/** Copies what the program gives, and has it preload the shim and know its number. */
static void compose(char *const *given, char **into, char *own) {
  for (; given != 0 && *given != 0; given++)
    if (!names(*given, "LD_PRELOAD") && !names(*given, NORTH_VARIABLE)) *into++ = *given;
  if (preload[0] != 0) *into++ = preload;
  *into++ = own;
  *into = 0;
}

static int by_path(int at, const char *file, char *const *words, char *const *variables, int flags) {
  (void)at, (void)flags;
  return (int)returned(sys(SYS_execve, file, words, variables));
}

static int by_search(int at, const char *file, char *const *words, char *const *variables, int flags) {
  (void)at, (void)flags;
  return real(execvpe)(file, words, variables);
}

static int by_descriptor(int at, const char *file, char *const *words, char *const *variables, int flags) {
  return (int)returned(sys(SYS_execveat, at, file, words, variables, flags));
}

static int replace(int at, const char *file, char *const *words, char *const *given, int flags,
                   int (*call)(int, const char *, char *const *, char *const *, int)) {
  if (!wrap_enter()) return call(at, file, words, given, flags);
  char *variables[length_of(given) + ADDED], own[NORTH_ENTRY_BYTES];
  memory_entry(north_process, (int)sys(SYS_getpid), own);
  compose(given, variables, own);
  if (call != by_descriptor) program_look(file, call == by_search);
  gives_mask = true;
  int result = call(at, file, words, variables, flags);
  gives_mask = false;
  wrap_leave();
  return result;
}

INTERPOSED int execve(const char *file, char *const words[], char *const variables[]) {
  return replace(-1, file, words, variables, 0, by_path);
}

INTERPOSED int execv(const char *file, char *const words[]) {
  return replace(-1, file, words, environ, 0, by_path);
}

INTERPOSED int execvpe(const char *file, char *const words[], char *const variables[]) {
  return replace(-1, file, words, variables, 0, by_search);
}

INTERPOSED int execvp(const char *file, char *const words[]) {
  return replace(-1, file, words, environ, 0, by_search);
}

INTERPOSED int fexecve(int fd, char *const words[], char *const variables[]) {
  return replace(fd, "", words, variables, AT_EMPTY_PATH, by_descriptor);
}

INTERPOSED int execveat(int at, const char *file, char *const words[], char *const variables[], int flags) {
  return replace(at, file, words, variables, flags, by_descriptor);
}

/** @param rest a list that ends with 0, behind the first word. @param into one more than there are; 0: they are counted */
static size_t collect(const char *first, va_list *rest, char **into) {
  size_t count = 0;
  for (const char *word = first; word != 0; word = va_arg(*rest, const char *), count++)
    if (into != 0) into[count] = (char *)word;
  if (into != 0) into[count] = 0;
  return count;
}

/** Gives the name to an array of them; `rest` stands behind their end. */
#define COLLECT(words, first, rest)                    \
  va_start(rest, first);                               \
  char *words[collect(first, &rest, 0) + 1];           \
  va_end(rest);                                        \
  va_start(rest, first);                               \
  collect(first, &rest, words)

INTERPOSED int execl(const char *file, const char *first, ...) {
  va_list rest;
  COLLECT(words, first, rest);
  va_end(rest);
  return execv(file, words);
}

INTERPOSED int execlp(const char *file, const char *first, ...) {
  va_list rest;
  COLLECT(words, first, rest);
  va_end(rest);
  return execvp(file, words);
}

INTERPOSED int execle(const char *file, const char *first, ...) {
  va_list rest;
  COLLECT(words, first, rest);
  char *const *variables = va_arg(rest, char *const *);
  va_end(rest);
  return execve(file, words, variables);
}

/* ---- spawn ---- */

typedef int spawn_call(pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *, char *const *,
                       char *const *);

static int spawn(spawn_call *call, pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *attributes, char *const *words, char *const *given) {
  if (!wrap_enter()) return call(pid, file, actions, attributes, words, given);
  if (given == 0) given = environ;
  char *variables[length_of(given) + ADDED], own[NORTH_ENTRY_BYTES];
  program_look(file, call == real(posix_spawnp));
  const struct north_record *record = recorded(NORTH_FORK, -1);
  order_begin(record);
  uint32_t process = next_process(record);
  // Its pid is not known yet; the program writes it in.
  compose(given, variables, (char *)memory_entry(process, 0, own));
  pid_t made = 0;
  gives_mask = true;
  int result = call(&made, file, actions, attributes, words, variables);
  gives_mask = false;
  made_process(record, process, result == 0 ? made : -result);
  wrap_leave();
  if (result == 0 && pid != 0) *pid = made;
  return result;
}

INTERPOSED int posix_spawn(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                           const posix_spawnattr_t *attributes, char *const words[], char *const variables[]) {
  return spawn(real(posix_spawn), pid, file, actions, attributes, words, variables);
}

INTERPOSED int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                            const posix_spawnattr_t *attributes, char *const words[], char *const variables[]) {
  return spawn(real(posix_spawnp), pid, file, actions, attributes, words, variables);
}

/* ---- the end ---- */

INTERPOSED void _exit(int status) {
  program_ends();
  for (;;) sys(SYS_exit_group, status);
}

INTERPOSED void _Exit(int status) {
  _exit(status);
}

/* ---- the end of a child ---- */

struct outcome {
  int status;
  struct rusage usage;
  siginfo_t info;
};

static long await_end(pid_t which, int options, struct outcome *outcome) {
  __builtin_memset(outcome, 0, sizeof *outcome);
  const struct north_record *record = recorded(NORTH_WAIT, which);
  if (record != 0) {
    long result = record->result;
    __builtin_memcpy(outcome, payload_of(record), sizeof *outcome);
    replay_taken(record);
    int status;
    // It ends here too, and is not to be found again when the process goes live.
    if (result > 0 && (WIFEXITED(outcome->status) || WIFSIGNALED(outcome->status)))
      while (sys(SYS_wait4, result, &status, __WALL, 0) == -EINTR) continue;
    return result;
  }
  long result = sys(SYS_wait4, which, &outcome->status, options | WNOHANG, &outcome->usage);
  while (result == 0 && (options & WNOHANG) == 0) {
    result = blocking(sys(SYS_wait4, which, &outcome->status, options, &outcome->usage));
    if (result == -EINTR && signal_restarts()) result = 0;
  }
  record_bytes(NORTH_WAIT, which, result, 0, outcome, sizeof *outcome);
  return result;
}

INTERPOSED pid_t wait4(pid_t which, int *status, int options, struct rusage *usage) {
  if (!wrap_enter()) return (pid_t)returned(sys(SYS_wait4, which, status, options, usage));
  struct outcome outcome;
  long result = await_end(which, options, &outcome);
  wrap_leave();
  if (result > 0 && status != 0) *status = outcome.status;
  if (result > 0 && usage != 0) *usage = outcome.usage;
  return (pid_t)returned(result);
}

INTERPOSED pid_t wait3(int *status, int options, struct rusage *usage) {
  return wait4(-1, status, options, usage);
}

INTERPOSED pid_t waitpid(pid_t which, int *status, int options) {
  return wait4(which, status, options, 0);
}

INTERPOSED pid_t wait(int *status) {
  return wait4(-1, status, 0, 0);
}

INTERPOSED int waitid(idtype_t kind, id_t which, siginfo_t *info, int options) {
  if (!wrap_enter()) return (int)returned(sys(SYS_waitid, kind, which, info, options, 0));
  struct outcome outcome;
  __builtin_memset(&outcome, 0, sizeof outcome);
  const struct north_record *record = recorded(NORTH_WAIT, (int32_t)which);
  long result;
  if (record != 0) {
    result = record->result;
    __builtin_memcpy(&outcome, payload_of(record), sizeof outcome);
    replay_taken(record);
    siginfo_t ended;
    if (result == 0 && outcome.info.si_pid != 0)
      while (sys(SYS_waitid, P_PID, outcome.info.si_pid, &ended, options & ~WNOHANG, 0) == -EINTR) continue;
  } else {
    do result = blocking(sys(SYS_waitid, kind, which, &outcome.info, options, &outcome.usage));
    while (result == -EINTR && signal_restarts());
    record_bytes(NORTH_WAIT, (int32_t)which, result, 0, &outcome, sizeof outcome);
  }
  wrap_leave();
  if (result == 0 && info != 0) *info = outcome.info;
  return (int)returned(result);
}
