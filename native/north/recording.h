/*
 * The recording of this process: made, or done again. A call that is interposed reads
 *
 *     if (!wrap_enter()) return (the real call);
 *     const struct north_record *record = recorded(NORTH_CLOCK, clock);
 *     if (record != 0) … take the result from the record … replay_taken(record);
 *     else { … make the call … ; record_result(…); }
 *     wrap_leave();
 *
 * A thread that runs between `wrap_enter` and `wrap_leave`, or in the program, has the token (token.h).
 */
#ifndef NORTH_RECORDING_H
#define NORTH_RECORDING_H

#include <stdbool.h>
#include <stddef.h>

#include "memory.h"

/* In this order: from RECORDING on the program is wrapped. */
enum phase { UNATTACHED, UNWRAPPED, RECORDING, REPLAYING };
extern enum phase phase;

/** Of this thread: it runs code of the shim, whose own calls pass. */
extern _Thread_local bool inside __attribute__((tls_model("initial-exec")));

/** Begins an interposed call. @returns false: it is to be made as if there were no shim. */
#define wrap_enter() wrap_enter_from(__builtin_return_address(0))
bool wrap_enter_from(const void *caller);
void wrap_leave(void);

/**
 * Of a replay: the record of the call that is made; its result is to be given again, then `replay_taken`.
 * @returns 0: the call is to be made for real, and recorded.
 */
const struct north_record *recorded(enum north_call call, int32_t object);

static inline const void *payload_of(const struct north_record *record) {
  return record + 1;
}

static inline uint32_t payload_length(const struct north_record *record) {
  return record->length - (uint32_t)sizeof *record;
}

void record_result(enum north_call call, int32_t object, int64_t result, uint32_t detail);
void record_bytes(enum north_call call, int32_t object, int64_t result, uint32_t detail, const void *bytes, size_t length);

/**
 * Calls that touch what processes share are made one after the other, and done again in the same order:
 *
 *     record = recorded(…);
 *     order_begin(record); … make the call, also in a replay … ; order_end(record, call, object, result);
 */
void order_begin(const struct north_record *record);
void order_end(const struct north_record *record, enum north_call call, int32_t object, int64_t result);
void order_end_bytes(const struct north_record *record, enum north_call call, int32_t object, int64_t result,
                     const void *bytes, size_t length);

/** What the recording says cannot be done again here. Does not return: what this process would do now is of no use. */
__attribute__((noreturn)) void diverged(const struct north_record *record, enum north_call made, int32_t object,
                                        const char *text);

/** Of a replay that has come to its end. */
void go_live(void);

#endif
