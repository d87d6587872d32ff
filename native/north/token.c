#define _GNU_SOURCE
#include "token.h"

#include <linux/mman.h>
#include <sys/mman.h>

#include "clocks.h"
#include "real.h"
#include "recording.h"
#include "signals.h"
#include "sys.h"

#define SLICE_NS 2000000ll
#define THREADS_MAX 4096
#define BUCKETS 256

enum thread_state { FREE, RUNNING, READY, WAITING, PARKED };
enum go { STAY = 0, GO = 1, LOOK_AGAIN = 2 };

struct thread {
  uint32_t index;
  int tid;
  enum thread_state state;
  uint32_t go;    /* a futex: the token was given to this thread, or what it waits for may be another thing now */
  uint32_t calls; /* since then */
  int64_t granted_at;
  int64_t deadline;
  /* Where it waits; also while it is READY after its deadline and nobody has named the address. */
  const void *address;
  struct thread *next_waiter;
  struct thread *next_ready;
};

static struct thread *threads; /* by index */
static uint32_t count, alive;
static uint32_t guard;
static struct thread *owner, *last;
static struct thread *ready_first, *ready_last;
static struct thread *waiters[BUCKETS];
/* Of the last hand-over. */
static uint32_t given_calls;
static enum handing given_why;

static _Thread_local struct thread *me __attribute__((tls_model("initial-exec")));

static void take_guard(void) {
  uint32_t expected = 0;
  while (!__atomic_compare_exchange_n(&guard, &expected, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
    if (expected == 1 && !__atomic_compare_exchange_n(&guard, &expected, 2, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
      expected = 0;
      continue;
    }
    futex_wait(&guard, 2, 0, -1);
    // Who has waited leaves the mark of those who may wait still.
    while (__atomic_exchange_n(&guard, 2, __ATOMIC_ACQUIRE) != 0) futex_wait(&guard, 2, 0, -1);
    return;
  }
}

static void leave_guard(void) {
  if (__atomic_exchange_n(&guard, 0, __ATOMIC_RELEASE) == 2) futex_wake(&guard, 1, 0);
}

static int64_t now_ns(void) {
  struct timespec now;
  real(clock_gettime)(CLOCK_MONOTONIC, &now);
  return now.tv_sec * NANOSECONDS + now.tv_nsec;
}

static void push_ready(struct thread *thread) {
  thread->next_ready = 0;
  if (ready_last == 0) ready_first = thread;
  else ready_last->next_ready = thread;
  ready_last = thread;
}

static void give(struct thread *thread) {
  owner = thread;
  thread->state = RUNNING;
  __atomic_store_n(&thread->go, GO, __ATOMIC_RELEASE);
  futex_wake(&thread->go, 1, 0);
}

static void have_look_again(struct thread *thread) {
  uint32_t expected = STAY;
  if (__atomic_compare_exchange_n(&thread->go, &expected, LOOK_AGAIN, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
    futex_wake(&thread->go, 1, 0);
}

void token_interrupt(void) {
  have_look_again(me);
}

/** The guard is held. */
static void dispatch(void) {
  struct thread *next = ready_first;
  if (owner != 0 || next == 0) return;
  ready_first = next->next_ready;
  if (ready_first == 0) ready_last = 0;
  give(next);
}

static struct thread **bucket_of(const void *address) {
  return &waiters[((uintptr_t)address >> 3) % BUCKETS];
}

static void add_waiter(struct thread *thread, const void *address) {
  struct thread **at = bucket_of(address);
  while (*at != 0) at = &(*at)->next_waiter;
  thread->address = address;
  thread->next_waiter = 0;
  *at = thread;
}

/** @returns false: somebody has named the address meanwhile. */
static bool remove_waiter(struct thread *thread) {
  if (thread->address == 0) return false;
  struct thread **at = bucket_of(thread->address);
  while (*at != thread) at = &(*at)->next_waiter;
  *at = thread->next_waiter;
  thread->address = 0;
  return true;
}

void token_init(void) {
  long at = sys(SYS_mmap, 0, THREADS_MAX * sizeof *threads, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  threads = (struct thread *)at;
  me = &threads[0];
  me->state = RUNNING;
  me->tid = (int)sys(SYS_gettid);
  count = alive = 1;
  owner = last = me;
}

void token_forked(void) {
  guard = 0;
  for (uint32_t i = 0; i < count; i++)
    if (&threads[i] != me) threads[i].state = FREE;
  for (int i = 0; i < BUCKETS; i++) waiters[i] = 0;
  ready_first = ready_last = 0;
  alive = 1;
  owner = last = me;
  me->calls = 0;
  me->tid = (int)sys(SYS_gettid);
}

uint32_t token_index(const struct thread *thread) {
  return thread->index;
}

bool token_takes_part(void) {
  return me != 0;
}

bool token_has(int tid) {
  for (uint32_t i = 0; i < count; i++)
    if (threads[i].state != FREE && threads[i].tid == tid) return true;
  return false;
}

uint32_t token_thread(void) {
  return me == 0 ? 0 : me->index;
}

/* The result of a GRANT: when, of the program's monotonic clock, and why. */
#define WHY_BITS 3

static int64_t result_of(enum handing why) {
  return program_now() << WHY_BITS | why;
}

static enum handing why_of(const struct north_record *record) {
  return (enum handing)(record->result & ((1 << WHY_BITS) - 1));
}

/** The thread has the token again: where somebody else had it, or it may have been, a replay must hear of it. */
static void resumed(bool always) {
  if (last == me && !always) return;
  record_result(NORTH_GRANT, (int32_t)me->index, result_of(given_why), given_calls);
  last = me;
  me->calls = 0;
  me->granted_at = 0;
}

/** Waits for the token. Of a thread that waits at an address also for its deadline or a signal, and then for the token. */
static void await_go(void) {
  while (__atomic_exchange_n(&me->go, STAY, __ATOMIC_ACQUIRE) != GO && phase != UNWRAPPED) {
    bool waits = phase == RECORDING && me->state == WAITING;
    bool timed = waits && me->deadline >= 0;
    int64_t left = timed ? me->deadline - program_now() : -1;
    if ((timed && left <= 0) || (waits && signal_waits())) {
      take_guard();
      if (me->state == WAITING) {
        me->state = READY;
        push_ready(me);
        dispatch();
      }
      leave_guard();
    } else {
      futex_wait(&me->go, STAY, 0, left);
    }
  }
}

static void give_up(enum handing why) {
  given_calls = me->calls;
  given_why = why;
  owner = 0;
}

/** Without this a replay would stop at the first call behind the last record: for all it knows a signal or a grant comes there. */
static void pause_if_last(void) {
  if (ready_first == 0) record_result(NORTH_PAUSE, 0, program_now(), me->calls);
}

void token_release(void) {
  pause_if_last();
  if (alive == 1) return;
  take_guard();
  me->state = PARKED;
  give_up(HANDED_BLOCKED);
  dispatch();
  leave_guard();
}

void token_acquire(void) {
  if (owner == me) return;
  take_guard();
  me->state = READY;
  push_ready(me);
  dispatch();
  leave_guard();
  await_go();
  resumed(false);
}

static void step_back(enum handing why) {
  take_guard();
  give_up(why);
  me->state = READY;
  push_ready(me);
  dispatch();
  leave_guard();
  await_go();
  resumed(false);
}

/** Of a replay: the token goes to the thread that had it next. */
static void hand_over(const struct north_record *record) {
  uint32_t index = (uint32_t)record->object;
  if (record->detail != me->calls) diverged(record, NORTH_GRANT, (int32_t)me->calls, "the token at another call");
  if (index >= count || threads[index].state == FREE) diverged(record, NORTH_GRANT, (int32_t)count, "no such thread");
  wait_has_begun(record->result >> WHY_BITS);
  replay_taken(record);
  me->calls = 0;
  if (index == me->index) return;
  take_guard();
  if (me->state == RUNNING) me->state = PARKED;
  give(&threads[index]);
  leave_guard();
}

void token_replay_grant(const struct north_record *record) {
  bool stays = (uint32_t)record->object == me->index;
  hand_over(record);
  if (stays) return;
  await_go();
  if (phase == RECORDING) resumed(false);
}

void token_replay_pause(const struct north_record *record) {
  wait_has_begun(record->result);
  replay_taken(record);
}

/** What the recording has for the beginning of this call. */
static void replay_boundary(void) {
  while (phase == REPLAYING) {
    const struct north_record *record = replay_wait();
    if (record == 0) {
      go_live();
    } else if (record->call == NORTH_GRANT && why_of(record) == HANDED_PREEMPTED && record->detail == me->calls) {
      token_replay_grant(record);
    } else if (!signal_replay_boundary(record, me->calls)) {
      return;
    }
  }
}

void token_boundary(void) {
  me->calls++;
  was_interrupted = false;
  if (phase == REPLAYING) replay_boundary();
  if (phase == REPLAYING) return;
  if (ready_first != 0) {
    int64_t now = now_ns();
    if (me->granted_at == 0) me->granted_at = now;
    else if (now - me->granted_at > SLICE_NS) step_back(HANDED_PREEMPTED);
  }
  signal_boundary(me->calls);
}

void token_yield(void) {
  if (phase == REPLAYING) {
    const struct north_record *record = replay_wait();
    if (record == 0) go_live();
    else if (record->call == NORTH_GRANT && why_of(record) == HANDED_YIELDED && record->detail == me->calls)
      token_replay_grant(record);
    return;
  }
  if (ready_first != 0) step_back(HANDED_YIELDED);
}

/** @returns whether the address was named */
static bool wait_once(const void *address, int64_t deadline) {
  take_guard();
  add_waiter(me, address);
  me->deadline = deadline;
  me->state = WAITING;
  leave_guard();
  bool handed = false;
  while (phase == REPLAYING && !handed) {
    const struct north_record *record = replay_wait();
    if (record == 0) {
      go_live();
    } else if (record->call == NORTH_PAUSE) {
      token_replay_pause(record);
    } else if (record->call != NORTH_GRANT) {
      diverged(record, NORTH_GRANT, (int32_t)me->index, "a thread waits for another");
    } else {
      bool stays = (uint32_t)record->object == me->index;
      hand_over(record);
      if (stays) me->state = RUNNING;
      else await_go();
      handed = true;
    }
  }
  if (!handed) {
    pause_if_last();
    take_guard();
    give_up(HANDED_WAITING);
    dispatch();
    leave_guard();
    await_go();
  }
  take_guard();
  bool signalled = !remove_waiter(me);
  leave_guard();
  if (phase == RECORDING) resumed(true);
  return signalled;
}

/** @returns whether it has come; of a replay: as it did then, unless the recording ends here */
static bool has_passed(int64_t deadline) {
  return phase == REPLAYING || (deadline >= 0 && program_now() >= deadline);
}

enum waited token_wait(const void *address, int64_t deadline) {
  for (;;) {
    if (wait_once(address, deadline)) return WAS_NAMED;
    if (signal_interrupts()) return INTERRUPTED;
    if (has_passed(deadline)) return PASSED;
  }
}

static void wake(struct thread *thread) {
  thread->address = 0;
  // In a replay the recording says when it runs; and one whose deadline has passed stands in the line already.
  if (phase != RECORDING || thread->state != WAITING) return;
  thread->state = READY;
  push_ready(thread);
}

int token_wake(const void *address, int most) {
  int woken = 0;
  take_guard();
  struct thread **at = bucket_of(address);
  while (*at != 0 && woken < most) {
    struct thread *thread = *at;
    if (thread->address != address) {
      at = &thread->next_waiter;
      continue;
    }
    *at = thread->next_waiter;
    wake(thread);
    woken++;
  }
  leave_guard();
  return woken;
}

int token_requeue(const void *from, const void *to, int most) {
  int moved = 0;
  take_guard();
  struct thread **at = bucket_of(from);
  while (*at != 0 && moved < most) {
    struct thread *thread = *at;
    if (thread->address != from) {
      at = &thread->next_waiter;
      continue;
    }
    *at = thread->next_waiter;
    add_waiter(thread, to);
    moved++;
  }
  leave_guard();
  return moved;
}

struct thread *token_new_thread(void) {
  uint32_t index = 0;
  while (index < count && threads[index].state != FREE) index++;
  if (index == THREADS_MAX) return 0;
  struct thread *thread = &threads[index];
  *thread = (struct thread){.index = index, .state = PARKED};
  take_guard();
  if (index == count) count++;
  alive++;
  if (phase == RECORDING) {
    thread->state = READY;
    push_ready(thread);
  }
  leave_guard();
  return thread;
}

void token_forget(struct thread *thread) {
  take_guard();
  struct thread **at = &ready_first, *before = 0;
  while (*at != 0 && *at != thread) before = *at, at = &(*at)->next_ready;
  if (*at == thread) {
    *at = thread->next_ready;
    if (ready_last == thread) ready_last = before;
  }
  thread->state = FREE;
  alive--;
  leave_guard();
}

void token_thread_begins(struct thread *thread) {
  me = thread;
  me->tid = (int)sys(SYS_gettid);
  await_go();
  if (phase == RECORDING) resumed(false);
}

void token_thread_ends(void) {
  inside = true;
  while (phase == REPLAYING) {
    const struct north_record *record = replay_wait();
    if (record == 0) {
      go_live();
    } else if (record->call == NORTH_GRANT) {
      take_guard();
      me->state = FREE;
      alive--;
      leave_guard();
      hand_over(record);
      return;
    } else {
      diverged(record, NORTH_THREAD, (int32_t)me->index, "the thread ends");
    }
  }
  take_guard();
  me->state = FREE;
  alive--;
  give_up(HANDED_EXITED);
  dispatch();
  leave_guard();
}

void token_dissolve(void) {
  take_guard();
  phase = UNWRAPPED;
  for (uint32_t i = 0; i < count; i++)
    if (threads[i].state != FREE) futex_wake(&threads[i].go, 1, 0);
  leave_guard();
}

void token_go_live(void) {
  take_guard();
  phase = RECORDING;
  last = me;
  for (uint32_t i = 0; i < count; i++) {
    struct thread *thread = &threads[i];
    if (thread == me || thread->state == FREE) continue;
    // In a wait it goes on waiting, for its deadline too; if it was named already, it is to run.
    if (thread->state == WAITING && thread->address != 0) {
      have_look_again(thread);
    } else {
      thread->state = READY;
      push_ready(thread);
    }
  }
  leave_guard();
}
