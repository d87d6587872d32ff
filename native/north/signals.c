#define _GNU_SOURCE
#include "signals.h"

#include <stddef.h>

#include "real.h"
#include "recording.h"
#include "sys.h"
#include "token.h"

#define SIGNALS 65
#define ALL_SIGNALS (~0ull)

/* Where a signal was taken; the result of a SIGNAL. */
enum { AT_BEGINNING = 0, INSIDE_CALL = 1 };

static struct sigaction actions[SIGNALS];
static siginfo_t infos[SIGNALS];
static uint64_t pending; /* a bit for each */
static _Thread_local bool restarts __attribute__((tls_model("initial-exec")));

static bool is_synchronous(int signal) {
  return signal == SIGSEGV || signal == SIGBUS || signal == SIGILL || signal == SIGFPE || signal == SIGTRAP || signal == SIGSYS;
}

static bool has_handler(const struct sigaction *action) {
  return (action->sa_flags & SA_SIGINFO) != 0 || (action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN);
}

static void arrived(int signal, siginfo_t *info, void *context) {
  (void)context;
  infos[signal] = *info;
  __atomic_or_fetch(&pending, 1ull << signal, __ATOMIC_SEQ_CST);
}

static void set_mask(uint64_t mask, uint64_t *before) {
  sys(SYS_rt_sigprocmask, SIG_SETMASK, &mask, before, KERNEL_MASK_BYTES);
}

static void run_handler(int signal, siginfo_t info) {
  struct sigaction action = actions[signal];
  if (!has_handler(&action)) return;
  if ((action.sa_flags & SA_RESETHAND) != 0) actions[signal].sa_handler = SIG_DFL;
  uint64_t mask = 0, before = 0;
  __builtin_memcpy(&mask, &action.sa_mask, sizeof mask);
  if ((action.sa_flags & SA_NODEFER) == 0) mask |= 1ull << (signal - 1);
  sys(SYS_rt_sigprocmask, SIG_BLOCK, &mask, &before, KERNEL_MASK_BYTES);
  int kept = errno;
  inside = false;
  if ((action.sa_flags & SA_SIGINFO) != 0) action.sa_sigaction(signal, &info, 0);
  else action.sa_handler(signal);
  inside = true;
  errno = kept;
  set_mask(before, 0);
  if ((action.sa_flags & SA_RESTART) == 0) restarts = false;
}

/** The lowest first, as the kernel has it. */
static void deliver(uint32_t calls, int where) {
  restarts = true;
  for (uint64_t left; (left = __atomic_load_n(&pending, __ATOMIC_SEQ_CST)) != 0;) {
    int signal = __builtin_ctzll(left);
    siginfo_t info = infos[signal];
    __atomic_and_fetch(&pending, ~(1ull << signal), __ATOMIC_SEQ_CST);
    record_bytes(NORTH_SIGNAL, signal, where, calls, &info, sizeof info);
    run_handler(signal, info);
  }
}

void signal_boundary(uint32_t calls) {
  if (__builtin_expect(pending != 0, 0)) deliver(calls, AT_BEGINNING);
}

static void replay(const struct north_record *record) {
  siginfo_t info;
  int signal = record->object;
  __builtin_memcpy(&info, payload_of(record), sizeof info);
  replay_taken(record);
  __atomic_and_fetch(&pending, ~(1ull << signal), __ATOMIC_SEQ_CST);
  run_handler(signal, info);
}

bool signal_replay_boundary(const struct north_record *record, uint32_t calls) {
  if (record->call != NORTH_SIGNAL || record->result != AT_BEGINNING || record->detail != calls) return false;
  replay(record);
  return true;
}

void signal_replay(const struct north_record *record) {
  restarts = true;
  replay(record);
}

bool signal_restarts(void) {
  return restarts;
}

void signals_forked(void) {
  pending = 0;
}

bool wait_begin(struct waiting *waiting, const sigset_t *mask) {
  set_mask(ALL_SIGNALS, &waiting->own);
  if (mask != 0) __builtin_memcpy(&waiting->open, mask, sizeof waiting->open);
  else waiting->open = waiting->own;
  if (pending != 0) return false;
  token_release();
  return true;
}

long wait_end(struct waiting *waiting, long result) {
  token_acquire();
  set_mask(waiting->own, 0);
  if (result == -EINTR) deliver(0, INSIDE_CALL);
  return result;
}

long wait_ready(struct pollfd *fds, unsigned count, int64_t ns, const sigset_t *mask) {
  struct timespec timeout = {ns / NANOSECONDS, ns % NANOSECONDS};
  struct waiting waiting;
  long result = -EINTR;
  if (wait_begin(&waiting, mask))
    result = sys(SYS_ppoll, fds, count, ns < 0 ? 0 : &timeout, &waiting.open, KERNEL_MASK_BYTES);
  return wait_end(&waiting, result);
}

INTERPOSED int sigaction(int signal, const struct sigaction *action, struct sigaction *before) {
  if (phase <= UNWRAPPED || signal <= 0 || signal >= SIGNALS || is_synchronous(signal))
    return real(sigaction)(signal, action, before);
  struct sigaction old = actions[signal];
  bool known = has_handler(&old);
  struct sigaction kernel;
  if (action != 0) {
    kernel = *action;
    if (has_handler(action)) {
      kernel.sa_sigaction = arrived;
      kernel.sa_flags = (action->sa_flags & (SA_NOCLDSTOP | SA_NOCLDWAIT | SA_ONSTACK)) | SA_SIGINFO;
      sigfillset(&kernel.sa_mask);
    }
    actions[signal] = *action;
  }
  int result = real(sigaction)(signal, action == 0 ? 0 : &kernel, before);
  if (result != 0) actions[signal] = old;
  else if (before != 0 && known) *before = old;
  return result;
}

static void (*install(int signal, void (*handler)(int), int flags))(int) {
  struct sigaction action = {.sa_handler = handler, .sa_flags = flags}, before;
  sigemptyset(&action.sa_mask);
  return sigaction(signal, &action, &before) == 0 ? before.sa_handler : SIG_ERR;
}

INTERPOSED void (*signal(int signal, void (*handler)(int)))(int) {
  return install(signal, handler, SA_RESTART);
}

INTERPOSED void (*bsd_signal(int signal, void (*handler)(int)))(int) {
  return install(signal, handler, SA_RESTART);
}

INTERPOSED void (*sysv_signal(int signal, void (*handler)(int)))(int) {
  return install(signal, handler, SA_RESETHAND | SA_NODEFER);
}

INTERPOSED int sigsuspend(const sigset_t *mask) {
  if (!wrap_enter()) return real(sigsuspend)(mask);
  const struct north_record *record = recorded(NORTH_SLEEP, -1);
  if (record != 0) {
    replay_taken(record);
  } else {
    wait_ready(0, 0, -1, mask);
    record_result(NORTH_SLEEP, -1, -EINTR, 0);
  }
  wrap_leave();
  return (int)returned(-EINTR);
}

INTERPOSED int pause(void) {
  if (!wrap_enter()) return real(pause)();
  const struct north_record *record = recorded(NORTH_SLEEP, -1);
  if (record != 0) {
    replay_taken(record);
  } else {
    wait_ready(0, 0, -1, 0);
    record_result(NORTH_SLEEP, -1, -EINTR, 0);
  }
  wrap_leave();
  return (int)returned(-EINTR);
}

/** A signal that was waited for; both replicas' kernels keep it pending, and only the recording says when it is taken. */
static long await_signal(const sigset_t *set, siginfo_t *info, const struct timespec *timeout) {
  const struct north_record *record = recorded(NORTH_SLEEP, -2);
  siginfo_t taken;
  long result;
  if (record != 0) {
    result = record->result;
    __builtin_memcpy(&taken, payload_of(record), sizeof taken);
    replay_taken(record);
    struct timespec none = {0, 0};
    if (result > 0) sys(SYS_rt_sigtimedwait, set, 0, &none, KERNEL_MASK_BYTES);
  } else {
    token_release();
    result = sys(SYS_rt_sigtimedwait, set, &taken, timeout, KERNEL_MASK_BYTES);
    token_acquire();
    record_bytes(NORTH_SLEEP, -2, result, 0, &taken, sizeof taken);
  }
  if (result > 0 && info != 0) *info = taken;
  return result;
}

INTERPOSED int sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *timeout) {
  if (!wrap_enter()) return real(sigtimedwait)(set, info, timeout);
  long result = await_signal(set, info, timeout);
  wrap_leave();
  return (int)returned(result);
}

INTERPOSED int sigwaitinfo(const sigset_t *set, siginfo_t *info) {
  if (!wrap_enter()) return real(sigwaitinfo)(set, info);
  long result = await_signal(set, info, 0);
  wrap_leave();
  return (int)returned(result);
}

INTERPOSED int sigwait(const sigset_t *set, int *signal) {
  if (!wrap_enter()) return real(sigwait)(set, signal);
  long result;
  do result = await_signal(set, 0, 0);
  while (result == -EINTR);
  wrap_leave();
  if (result < 0) return (int)-result;
  *signal = (int)result;
  return 0;
}
