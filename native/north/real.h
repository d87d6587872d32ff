/*
 * The functions behind the interposed ones, where a system call would not do: the vDSO's clocks and all that has state in the C library.
 */
#ifndef NORTH_REAL_H
#define NORTH_REAL_H

#include <dlfcn.h>

/** real(pthread_create)(…): looked up once per place. */
#define real(name)                                                                          \
  ({                                                                                        \
    static __typeof__(&name) function;                                                      \
    __typeof__(&name) found = __atomic_load_n(&function, __ATOMIC_RELAXED);                 \
    if (__builtin_expect(found == 0, 0)) {                                                  \
      found = (__typeof__(&name))dlsym(RTLD_NEXT, #name);                                   \
      __atomic_store_n(&function, found, __ATOMIC_RELAXED);                                 \
    }                                                                                       \
    found;                                                                                  \
  })

/** What the server program sees in place of the C library's function of this name. */
#define INTERPOSED __attribute__((visibility("default")))

#endif
