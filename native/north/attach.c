#include "attach.h"

#include "allocator.h"
#include "clocks.h"
#include "inodes.h"
#include "real.h"
#include "recording.h"
#include "signals.h"
#include "sys.h"
#include "token.h"

bool attach(void) {
  if (!memory_attach()) {
    phase = UNWRAPPED;
    return false;
  }
  token_init();
  inodes_reserve();
  signals_attached();
  allocator_find();
  preload_remember();
  while (__atomic_load_n(&north->mode, __ATOMIC_ACQUIRE) == NORTH_UNDECIDED) futex_wait(&north->mode, NORTH_UNDECIDED, 1, -1);
  // A process that this host's own one has made since it went live has nothing to replay.
  phase = north->mode == NORTH_REPLAY && replay_slot() != 0 ? REPLAYING : RECORDING;
  inside = true;
  random_at_start();
  clocks_at_start();
  inside = false;
  return true;
}

void program_ends(void) {
  if (phase <= UNWRAPPED || inside || !token_takes_part()) return;
  inside = true;
  const struct north_record *record = recorded(NORTH_PROCESS, -1);
  if (record != 0) replay_taken(record);
  else record_result(NORTH_PROCESS, -1, 0, 0);
  token_dissolve();
  inside = false;
}

__attribute__((destructor)) static void at_end(void) {
  program_ends();
}

__attribute__((constructor(101))) static void at_start(void) {
  if (phase == UNATTACHED) attach();
}
