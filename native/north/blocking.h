/*
 * System calls that wait and do not take a signal mask. A signal that arrives between the look at what is pending and the call is taken after it, which
 * a program without the shim cannot exclude either: its handler would have run, and the call would wait all the same.
 */
#ifndef NORTH_BLOCKING_H
#define NORTH_BLOCKING_H

#include <signal.h>

#include "signals.h"
#include "sys.h"

#define blocking(call)                                                                 \
  ({                                                                                   \
    struct waiting waiting_;                                                           \
    long waited_ = -EINTR;                                                             \
    if (wait_begin(&waiting_, 0)) {                                                    \
      uint64_t closed_ = HELD;                                                         \
      sys(SYS_rt_sigprocmask, SIG_SETMASK, &waiting_.open, 0, KERNEL_MASK_BYTES);      \
      waited_ = (call);                                                                \
      sys(SYS_rt_sigprocmask, SIG_SETMASK, &closed_, 0, KERNEL_MASK_BYTES);            \
    }                                                                                  \
    wait_end(&waiting_, waited_);                                                      \
  })

#endif
