/*
 * A memory allocator in a library of its own, such as jemalloc. It reads the clock and takes locks as its own state wants it, which depends on
 * threads and addresses and is nothing that the program sees: its calls pass.
 */
#ifndef NORTH_ALLOCATOR_H
#define NORTH_ALLOCATOR_H

#include <stdbool.h>
#include <stdint.h>

/** Where its code is; both 0 if there is none. */
extern uintptr_t allocator_from, allocator_to;

void allocator_find(void);

static inline bool is_allocator(const void *caller) {
  return (uintptr_t)caller - allocator_from < allocator_to - allocator_from;
}

#endif
