/*
 * Signals that the service's processes send each other. They are sent again in a replay; what is to die by one has first done all that it did on the
 * primary. Who sends one to itself has taken it when the call returns.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "real.h"
#include "recording.h"
#include "sys.h"
#include "token.h"

/** The mask that a line of /proc/PID/status has. */
static uint64_t mask_of(const char *status, const char *line) {
  const char *at = strstr(status, line);
  return at == 0 ? 0 : strtoull(at + strlen(line), 0, 16);
}

/** Whether the process is to die by it. */
static bool is_deadly(int to, int signal) {
  if (signal == SIGKILL) return true;
  if (signal == 0 || signal == SIGCHLD || signal == SIGCONT || signal == SIGURG || signal == SIGWINCH) return false;
  char path[32], status[4096];
  snprintf(path, sizeof path, "/proc/%d/status", to);
  long fd = sys(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  long length = fd < 0 ? 0 : sys(SYS_read, fd, status, sizeof status - 1);
  if (fd >= 0) sys(SYS_close, fd);
  if (length <= 0) return false;
  status[length] = 0;
  return ((mask_of(status, "SigIgn:") | mask_of(status, "SigCgt:") | mask_of(status, "SigBlk:")) & 1ull << (signal - 1)) == 0;
}

/** @param to a process; 0: several */
static const struct north_record *begin(int to, int signal, bool *deadly) {
  const struct north_record *record = recorded(NORTH_PROCESS, to);
  bool self = to == (int)sys(SYS_getpid);
  *deadly = record != 0 ? record->detail != 0 : to > 0 && !self && is_deadly(to, signal);
  if (record != 0 && *deadly) replay_await(to);
  return record;
}

static long end(const struct north_record *record, int to, bool deadly, long result) {
  if (record != 0) {
    result = record->result;
    replay_taken(record);
  } else {
    record_result(NORTH_PROCESS, to, result, deadly);
  }
  token_boundary();
  return result;
}

/** A whole interposed function. */
#define sent(to, signal, call)                                           \
  ({                                                                     \
    long result_;                                                        \
    if (!wrap_enter()) {                                                 \
      result_ = (call);                                                  \
    } else {                                                             \
      bool deadly_;                                                      \
      const struct north_record *record_ = begin(to, signal, &deadly_);  \
      result_ = record_ != 0 && record_->result < 0 ? 0 : (call);        \
      result_ = end(record_, to, deadly_, result_);                      \
      wrap_leave();                                                      \
    }                                                                    \
    result_;                                                             \
  })

INTERPOSED int kill(pid_t to, int signal) {
  return (int)returned(sent(to > 0 ? to : 0, signal, sys(SYS_kill, to, signal)));
}

INTERPOSED int killpg(pid_t group, int signal) {
  if (group < 0) return (int)returned(-EINVAL);
  return kill(-group, signal);
}

INTERPOSED int sigqueue(pid_t to, int signal, const union sigval value) {
  siginfo_t info = {.si_signo = signal, .si_code = SI_QUEUE};
  info.si_pid = getpid();
  info.si_uid = getuid();
  info.si_value = value;
  return (int)returned(sent(to, signal, sys(SYS_rt_sigqueueinfo, to, signal, &info)));
}

INTERPOSED int tgkill(pid_t to, pid_t thread, int signal) {
  return (int)returned(sent(to, signal, sys(SYS_tgkill, to, thread, signal)));
}

INTERPOSED int pthread_kill(pthread_t thread, int signal) {
  return (int)-sent(getpid(), signal, -(long)real(pthread_kill)(thread, signal));
}

INTERPOSED int pthread_sigqueue(pthread_t thread, int signal, const union sigval value) {
  return (int)-sent(getpid(), signal, -(long)real(pthread_sigqueue)(thread, signal, value));
}

INTERPOSED int raise(int signal) {
  return tgkill(getpid(), (int)sys(SYS_gettid), signal);
}
