#define _GNU_SOURCE
#include "allocator.h"

#include <link.h>
#include <stddef.h>

uintptr_t allocator_from, allocator_to;

static const char *const NAMES[] = {"libjemalloc.so", "libtcmalloc", "libmimalloc.so"};

static bool is_named(const char *path, const char *name) {
  const char *last = path;
  for (const char *at = path; *at != 0; at++)
    if (*at == '/') last = at + 1;
  while (*name != 0 && *last == *name) last++, name++;
  return *name == 0;
}

static int look(struct dl_phdr_info *object, size_t size, void *unused) {
  (void)size, (void)unused;
  bool found = false;
  for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) found |= is_named(object->dlpi_name, NAMES[i]);
  if (!found) return 0;
  for (int i = 0; i < object->dlpi_phnum; i++) {
    const ElfW(Phdr) *part = &object->dlpi_phdr[i];
    if (part->p_type != PT_LOAD || (part->p_flags & PF_X) == 0) continue;
    allocator_from = object->dlpi_addr + part->p_vaddr;
    allocator_to = allocator_from + part->p_memsz;
  }
  return 1;
}

void allocator_find(void) {
  dl_iterate_phdr(look, NULL);
}
