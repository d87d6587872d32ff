#define _GNU_SOURCE
#include "recording.h"

#include "accept.h"
#include "attach.h"
#include "allocator.h"
#include "clocks.h"
#include "signals.h"
#include "sys.h"
#include "timers.h"
#include "token.h"

enum phase phase;
_Thread_local bool inside;

bool wrap_enter_from(const void *caller) {
  if (is_allocator(caller)) return false;
  if (inside || phase == UNWRAPPED || (phase == UNATTACHED && !attach())) return false;
  if (!token_takes_part()) return false;
  inside = true;
  token_boundary();
  return true;
}

void wrap_leave(void) {
  inside = false;
}

/** Replays of other processes may still be on their way to the end of the old recording. */
static void await_order(uint32_t number) {
  for (;;) {
    uint32_t done = __atomic_load_n(&north->order_done, __ATOMIC_SEQ_CST);
    if ((int32_t)(done - number) >= 0) return;
    __atomic_add_fetch(&north->order_waits, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&north->order_done, __ATOMIC_SEQ_CST) == done) futex_wait(&north->order_done, done, 1, -1);
    __atomic_sub_fetch(&north->order_waits, 1, __ATOMIC_SEQ_CST);
  }
}

const struct north_record *recorded(enum north_call call, int32_t object) {
  wait_may_begin();
  while (phase == REPLAYING) {
    const struct north_record *record = replay_wait();
    if (record == 0) {
      go_live();
    } else if (record->call == NORTH_PAUSE) {
      token_replay_pause(record);
    } else if (record->call == NORTH_GRANT) {
      token_replay_grant(record);
    } else if (record->call == NORTH_SIGNAL) {
      signal_replay(record);
    } else {
      if ((record->call & ~NORTH_ORDERED) != call || record->object != object) diverged(record, call, object, "");
      return record;
    }
  }
  // What files are like, this process sees when the others have done all to them that the old recording has.
  if (north->mode == NORTH_REPLAY && call >= NORTH_STAT && call <= NORTH_LOCK) await_order(north->order_last);
  return 0;
}

void record_result(enum north_call call, int32_t object, int64_t result, uint32_t detail) {
  record_bytes(call, object, result, detail, 0, 0);
}

void record_bytes(enum north_call call, int32_t object, int64_t result, uint32_t detail, const void *bytes, size_t length) {
  struct north_record record = {.call = (uint16_t)call, .object = object, .result = result, .detail = detail};
  struct north_part part = {bytes, (uint32_t)length};
  lock_take();
  ring_append(record, &part, length > 0);
  lock_leave();
}

void order_begin(const struct north_record *record) {
  if (record != 0) {
    await_order(record->detail - 1);
  } else {
    if (north->mode == NORTH_REPLAY) await_order(north->order_last);
    lock_take();
  }
}

void order_end(const struct north_record *record, enum north_call call, int32_t object, int64_t result) {
  order_end_bytes(record, call, object, result, 0, 0);
}

void order_end_bytes(const struct north_record *record, enum north_call call, int32_t object, int64_t result,
                     const void *bytes, size_t length) {
  if (record != 0) {
    __atomic_store_n(&north->order_done, record->detail, __ATOMIC_SEQ_CST);
    replay_taken(record);
    if (__atomic_load_n(&north->order_waits, __ATOMIC_SEQ_CST) != 0) futex_wake(&north->order_done, INT32_MAX, 1);
    return;
  }
  struct north_record made = {
      .call = (uint16_t)(call | NORTH_ORDERED), .object = object, .result = result, .detail = north->order + 1};
  struct north_part part = {bytes, (uint32_t)length};
  ring_append(made, &part, length > 0);
  // After it: whoever is killed in between has the number given twice, and none is missing that a replay would wait for.
  north->order++;
  lock_leave();
}

void go_live(void) {
  clocks_go_live();
  token_go_live();
  signals_go_live();
  timers_go_live();
}

/** Of the connection that the recorded call was about, if there is one: its descriptor is the same here. @returns the length of the address, or 0 */
static uint32_t client_of(const struct north_record *record, uint8_t *address, uint32_t room) {
  switch (record->call & ~NORTH_ORDERED) {
    case NORTH_READ:
    case NORTH_WRITE:
    case NORTH_SOCKET_STATE:
      return sys(SYS_getpeername, record->object, address, &room) < 0 ? 0 : room;
    case NORTH_ACCEPT: {
      const struct peer *peer = payload_of(record);
      if (record->result < 0 || peer->length > room) return 0;
      __builtin_memcpy(address, &peer->name, peer->length);
      return peer->length;
    }
    default:
      return 0;
  }
}

void diverged(const struct north_record *record, enum north_call made, int32_t object, const char *text) {
  lock_take();
  if (north->divergences++ == 0) {
    struct north_divergence *first = &north->first_divergence;
    first->process = north_process;
    first->thread = token_thread();
    first->expected = record == 0 ? 0 : record->call & ~NORTH_ORDERED;
    first->expected_object = record == 0 ? 0 : record->object;
    first->expected_result = record == 0 ? 0 : record->result;
    first->made = made;
    first->made_object = object;
    uint32_t i = 0;
    for (; text[i] != 0 && i + 1 < sizeof first->text; i++) first->text[i] = text[i];
    first->text[i] = 0;
    first->peer_length = record == 0 ? 0 : client_of(record, first->peer, sizeof first->peer);
  }
  lock_leave();
  uint32_t forever = 0;
  for (;;) futex_wait(&forever, 0, 0, -1);
}
