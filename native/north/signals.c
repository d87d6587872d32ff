#define _GNU_SOURCE
#include "signals.h"

#include <stddef.h>
#include <ucontext.h>

#include "blocking.h"
#include "clocks.h"
#include "real.h"
#include "recording.h"
#include "sys.h"
#include "timers.h"
#include "token.h"

#define SIGNALS 65

/* Where a signal was taken; the result of a SIGNAL. */
enum { AT_BEGINNING = 0, INSIDE_CALL = 1 };

static struct sigaction actions[SIGNALS];
_Thread_local bool gives_mask, was_interrupted;
/** As the program wants it. */
static uint64_t mask_of_first;
static _Thread_local bool restarts __attribute__((tls_model("initial-exec")));

/** What has reached this thread and was not taken yet. Others stay with the kernel meanwhile. */
static _Thread_local struct {
  int signal; /* 0: nothing */
  uint64_t mask; /* the thread's own; that of the kernel is HELD */
  siginfo_t info;
} arrival __attribute__((tls_model("initial-exec")));

/**
 * What the replica's own kernel does during a replay, which the recording is ahead of or behind: signals that have come and were not replayed yet,
 * and how many of each were replayed already and are still to come.
 */
#define EARLY_MOST 64
static struct {
  uint32_t lock;
  int count;
  struct {
    int thread;
    bool given_back;
    siginfo_t info;
  } early[EARLY_MOST];
  uint32_t owed[SIGNALS];
} ahead;

static bool has_handler(const struct sigaction *action) {
  return (action->sa_flags & SA_SIGINFO) != 0 || (action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN);
}

static void set_mask(uint64_t mask, uint64_t *before) {
  sys(SYS_rt_sigprocmask, SIG_SETMASK, &mask, before, KERNEL_MASK_BYTES);
}

/** Whether a process of the service has sent it, and will send it on this replica too. The kernel, and a person, may not. */
static bool is_sent_again(const siginfo_t *info) {
  return info->si_pid != 0 && (info->si_code == SI_USER || info->si_code == SI_TKILL || info->si_code == SI_QUEUE);
}

/** Nothing arrives in this thread. */
static void take_ahead(void) {
  while (__atomic_exchange_n(&ahead.lock, 1, __ATOMIC_ACQUIRE) != 0) sys(SYS_sched_yield);
}

static void leave_ahead(void) {
  __atomic_store_n(&ahead.lock, 0, __ATOMIC_RELEASE);
}

/** Those that came in a replay and were not part of it are taken after it. The kernel lets no thread speak for others: what is known of them stays here. */
static void give_back(void) {
  take_ahead();
  for (int i = 0; i < ahead.count; i++) {
    if (ahead.early[i].given_back) continue;
    ahead.early[i].given_back = true;
    sys(SYS_tgkill, sys(SYS_getpid), ahead.early[i].thread, ahead.early[i].info.si_signo);
  }
  leave_ahead();
}

static void remove_early(int i) {
  ahead.count--;
  for (; i < ahead.count; i++) ahead.early[i] = ahead.early[i + 1];
}

/** @param info what the kernel says of a signal; of one that was given back what it said then */
static void recognize(int signal, siginfo_t *info) {
  if (ahead.count == 0 || info->si_code != SI_TKILL) return;
  int self = (int)sys(SYS_gettid);
  take_ahead();
  for (int i = 0; i < ahead.count; i++) {
    if (!ahead.early[i].given_back || ahead.early[i].thread != self || ahead.early[i].info.si_signo != signal) continue;
    *info = ahead.early[i].info;
    remove_early(i);
    break;
  }
  leave_ahead();
}

/** @param thread that is to have it. Of more than anybody has, some are as if they had come at the same time. */
static void keep(const siginfo_t *info, int thread) {
  take_ahead();
  if (ahead.count < EARLY_MOST) {
    ahead.early[ahead.count].thread = thread;
    ahead.early[ahead.count].given_back = false;
    ahead.early[ahead.count++].info = *info;
  }
  leave_ahead();
  if (phase != REPLAYING) give_back();
}

/**
 * The kernel gives what is for the whole process to its first thread, if that lets it in. Another one that opens its mask meanwhile, as they do here at
 * each call that waits, would have it instead.
 */
static bool is_for_first(int signal, const siginfo_t *info) {
  int first = (int)sys(SYS_getpid);
  return info->si_code != SI_TKILL && (mask_of_first & BIT(signal)) == 0 && first != (int)sys(SYS_gettid) && token_has(first);
}

/** One is replayed. */
static void settle(int signal, const siginfo_t *info) {
  take_ahead();
  int i = 0;
  while (i < ahead.count && ahead.early[i].info.si_signo != signal) i++;
  if (i < ahead.count) {
    remove_early(i);
  } else if (is_sent_again(info)) {
    ahead.owed[signal]++;
  } else {
    timer_has_signalled(info);
  }
  leave_ahead();
}

void signal_forget(int signal, int code) {
  uint64_t before = signals_hold();
  take_ahead();
  for (int i = ahead.count - 1; i >= 0; i--)
    if (ahead.early[i].info.si_signo == signal && ahead.early[i].info.si_code == code) remove_early(i);
  leave_ahead();
  signals_let_go(before);
}

/** @returns whether this one was replayed before it came. */
static bool is_owed(int signal, const siginfo_t *info) {
  if (ahead.owed[signal] == 0 || !is_sent_again(info)) return false;
  take_ahead();
  bool owed = ahead.owed[signal] > 0;
  if (owed) ahead.owed[signal]--;
  leave_ahead();
  return owed;
}

static void arrived(int signal, siginfo_t *info, void *context) {
  uint64_t *mask = (uint64_t *)&((ucontext_t *)context)->uc_sigmask;
  if (is_owed(signal, info)) return;
  if (is_for_first(signal, info)) {
    keep(info, (int)sys(SYS_getpid));
  } else if (phase == REPLAYING) {
    keep(info, (int)sys(SYS_gettid));
  } else if (!token_takes_part()) {
    // It is no thread of the program's: another one is to have it.
    *mask |= BIT(signal);
    sys(SYS_kill, sys(SYS_getpid), signal);
  } else if (arrival.signal != 0) {
    // The mask was opened from inside of the C library.
    *mask = HELD;
    sys(SYS_rt_tgsigqueueinfo, sys(SYS_getpid), sys(SYS_gettid), signal, info);
  } else {
    recognize(signal, info);
    arrival.signal = signal;
    arrival.info = *info;
    arrival.mask = *mask;
    if (!gives_mask) *mask = HELD;
    token_interrupt();
  }
}

uint64_t signals_hold(void) {
  uint64_t before;
  set_mask(HELD, &before);
  return arrival.signal != 0 && before == HELD ? arrival.mask : before;
}

void signals_let_go(uint64_t mask) {
  if (arrival.signal != 0) arrival.mask = mask;
  else set_mask(mask, 0);
}

/** @param before the thread's own mask; nothing arrives */
static void run_handler(int signal, siginfo_t info, uint64_t before) {
  struct sigaction action = actions[signal];
  if (!has_handler(&action)) {
    signals_let_go(before);
    return;
  }
  if ((action.sa_flags & SA_RESETHAND) != 0) actions[signal] = (struct sigaction){.sa_handler = SIG_DFL};
  uint64_t mask = 0;
  __builtin_memcpy(&mask, &action.sa_mask, sizeof mask);
  if ((action.sa_flags & SA_NODEFER) == 0) mask |= BIT(signal);
  ucontext_t context = {.uc_flags = 0};
  int kept = errno;
  signals_let_go(before | mask);
  inside = false;
  if ((action.sa_flags & SA_SIGINFO) != 0) action.sa_sigaction(signal, &info, &context);
  else action.sa_handler(signal);
  inside = true;
  signals_hold();
  signals_let_go(before);
  errno = kept;
  if ((action.sa_flags & SA_RESTART) == 0) restarts = false;
}

/** In the order in which the kernel has them. */
static void deliver(uint32_t calls, int where) {
  restarts = true;
  while (arrival.signal != 0) {
    uint64_t before = signals_hold();
    int signal = arrival.signal;
    siginfo_t info = arrival.info;
    arrival.signal = 0;
    record_bytes(NORTH_SIGNAL, signal, where, calls, &info, sizeof info);
    run_handler(signal, info, before);
  }
}

bool signal_waits(void) {
  return arrival.signal != 0;
}

void signal_boundary(uint32_t calls) {
  if (__builtin_expect(arrival.signal != 0, 0)) deliver(calls, AT_BEGINNING);
}

static void replay(const struct north_record *record) {
  siginfo_t info;
  int signal = record->object;
  __builtin_memcpy(&info, payload_of(record), sizeof info);
  replay_taken(record);
  uint64_t before = signals_hold();
  settle(signal, &info);
  run_handler(signal, info, before);
}

bool signal_replay_boundary(const struct north_record *record, uint32_t calls) {
  if (record->call != NORTH_SIGNAL || record->result != AT_BEGINNING || record->detail != calls) return false;
  replay(record);
  return true;
}

void signal_replay(const struct north_record *record) {
  restarts = true;
  replay(record);
  was_interrupted = true;
}

bool signal_interrupts(void) {
  if (phase == RECORDING) {
    bool any = signal_waits();
    deliver(0, INSIDE_CALL);
    return any;
  }
  restarts = true;
  for (bool any = false;; any = true) {
    const struct north_record *record = replay_wait();
    if (record == 0) go_live();
    if (record == 0 || record->call != NORTH_SIGNAL || record->result != INSIDE_CALL) return any;
    replay(record);
  }
}

bool signal_restarts(void) {
  return restarts;
}

void signals_attached(void) {
  sys(SYS_rt_sigprocmask, SIG_BLOCK, 0, &mask_of_first, KERNEL_MASK_BYTES);
}

void signals_forked(void) {
  if (arrival.signal != 0) {
    arrival.signal = 0;
    set_mask(arrival.mask, 0);
  }
  __builtin_memset(&ahead, 0, sizeof ahead);
  signals_attached();
}

void signals_go_live(void) {
  uint64_t before = signals_hold();
  give_back();
  signals_let_go(before);
}

bool wait_begin(struct waiting *waiting, const sigset_t *mask) {
  waiting->own = signals_hold();
  if (mask != 0) __builtin_memcpy(&waiting->open, mask, sizeof waiting->open);
  else waiting->open = waiting->own;
  waiting->is_over = was_interrupted;
  was_interrupted = false;
  if (arrival.signal != 0 || waiting->is_over) return false;
  token_release();
  return true;
}

long wait_end(struct waiting *waiting, long result) {
  token_acquire();
  signals_let_go(waiting->own);
  if (result == -EINTR && !waiting->is_over) deliver(0, INSIDE_CALL);
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
  if (phase <= UNWRAPPED || signal <= 0 || signal >= SIGNALS || (BIT(signal) & CAUSED) != 0)
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

/** Those that it lets in are taken before it returns. */
static long change_mask(int how, const sigset_t *set, sigset_t *before) {
  uint64_t change = 0, own = signals_hold(), wanted = own;
  if (set != 0) __builtin_memcpy(&change, set, sizeof change);
  if (how == SIG_BLOCK) wanted |= change;
  else if (how == SIG_UNBLOCK) wanted &= ~change;
  else if (how == SIG_SETMASK) wanted = change;
  wanted &= ~OF_LIBRARY;
  if (set == 0 || how < SIG_BLOCK || how > SIG_SETMASK) wanted = own;
  signals_let_go(wanted);
  if (sys(SYS_gettid) == sys(SYS_getpid)) mask_of_first = wanted;
  if (set != 0 && (how < SIG_BLOCK || how > SIG_SETMASK)) return -EINVAL;
  if (before != 0) {
    sigemptyset(before);
    __builtin_memcpy(before, &own, sizeof own);
  }
  return 0;
}

INTERPOSED int pthread_sigmask(int how, const sigset_t *set, sigset_t *before) {
  if (!wrap_enter()) return real(pthread_sigmask)(how, set, before);
  long result = change_mask(how, set, before);
  token_boundary();
  wrap_leave();
  return (int)-result;
}

INTERPOSED int sigprocmask(int how, const sigset_t *set, sigset_t *before) {
  int result = pthread_sigmask(how, set, before);
  return (int)returned(-result);
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

/** Of a replay: it is not to be there any more. One that is sent again may still be on its way. */
static void take_here(const siginfo_t *taken) {
  uint64_t one = BIT(taken->si_signo);
  struct timespec none = {0, 0};
  while (sys(SYS_rt_sigtimedwait, &one, 0, is_sent_again(taken) ? 0 : &none, KERNEL_MASK_BYTES) == -EINTR) continue;
}

/** A signal that was waited for; both replicas' kernels keep it pending, and only the recording says when it is taken. */
static long await_signal(const sigset_t *set, siginfo_t *info, const struct timespec *timeout) {
  int64_t ns = timeout == 0 ? -1 : timeout->tv_sec * NANOSECONDS + timeout->tv_nsec;
  const struct north_record *record = recorded(NORTH_SLEEP, -2);
  siginfo_t taken;
  long result;
  if (record != 0) {
    result = record->result;
    __builtin_memcpy(&taken, payload_of(record), sizeof taken);
    replay_taken(record);
    if (result > 0) take_here(&taken);
    if (result == -EAGAIN) wait_has_passed(ns);
  } else {
    int64_t rest = wait_left(ns);
    struct timespec left = {rest / NANOSECONDS, rest % NANOSECONDS};
    result = blocking(sys(SYS_rt_sigtimedwait, set, &taken, timeout == 0 ? 0 : &left, KERNEL_MASK_BYTES));
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
