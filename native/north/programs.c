/*
 * What cannot be preloaded: programs without a dynamic loader, and those that run with another user's rights, for which the loader ignores the
 * environment. They run, and what they learn is not recorded: the daemon is told.
 */
#define _GNU_SOURCE
#include "programs.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory.h"
#include "sys.h"

#define HEADERS_MOST 64
#define LINE_BYTES 256

static bool gains_rights(const struct stat *about) {
  bool other_user = (about->st_mode & S_ISUID) != 0 && about->st_uid != geteuid();
  bool other_group = (about->st_mode & S_ISGID) != 0 && about->st_gid != getegid();
  return other_user || other_group;
}

/** Of an ELF file: whether it names a loader, which is what reads LD_PRELOAD. */
static bool has_loader(int fd, const Elf64_Ehdr *header) {
  Elf64_Phdr parts[HEADERS_MOST];
  int count = header->e_phnum < HEADERS_MOST ? header->e_phnum : HEADERS_MOST;
  long length = sys(SYS_pread64, fd, parts, (size_t)count * sizeof *parts, header->e_phoff);
  for (int i = 0; i < length / (long)sizeof *parts; i++)
    if (parts[i].p_type == PT_INTERP) return true;
  return false;
}

/** The program that reads a script: what stands after #! up to a blank. @returns 0 where it is none */
static char *interpreter_of(char *line) {
  if (line[0] != '#' || line[1] != '!') return 0;
  char *name = line + 2;
  while (*name == ' ' || *name == '\t') name++;
  char *end = name;
  while (*end != 0 && *end != ' ' && *end != '\t' && *end != '\n') end++;
  *end = 0;
  return *name == 0 ? 0 : name;
}

static void tell(const char *file) {
  lock_take();
  if (north->unprotected++ == 0) {
    uint32_t i = 0;
    for (; file[i] != 0 && i + 1 < sizeof north->first_unprotected; i++) north->first_unprotected[i] = file[i];
    north->first_unprotected[i] = 0;
  }
  lock_leave();
}

static void look_at(const char *file, bool is_script_reader) {
  int fd = (int)sys(SYS_openat, AT_FDCWD, file, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  struct stat about;
  union {
    Elf64_Ehdr elf;
    char line[LINE_BYTES];
  } head = {.line = {0}};
  bool known = sys(SYS_fstat, fd, &about) == 0 && sys(SYS_pread64, fd, &head, sizeof head - 1, 0) > 0;
  bool is_elf = known && __builtin_memcmp(head.elf.e_ident, ELFMAG, SELFMAG) == 0;
  bool passes = is_elf && (gains_rights(&about) || !has_loader(fd, &head.elf));
  sys(SYS_close, fd);
  if (passes) tell(file);
  char *interpreter = known && !is_elf && !is_script_reader ? interpreter_of(head.line) : 0;
  if (interpreter != 0) look_at(interpreter, true);
}

void program_look(const char *file, bool searched) {
  bool has_slash = false;
  for (const char *at = file; *at != 0; at++) has_slash |= *at == '/';
  const char *path = searched && !has_slash ? getenv("PATH") : 0;
  if (path == 0) {
    look_at(file, false);
    return;
  }
  char name[PATH_MAX];
  while (*path != 0) {
    size_t length = 0;
    while (*path != 0 && *path != ':' && length < sizeof name - 2) name[length++] = *path++;
    if (*path == ':') path++;
    if (length > 0) name[length++] = '/';
    for (const char *at = file; *at != 0 && length < sizeof name - 1; at++) name[length++] = *at;
    name[length] = 0;
    if (sys(SYS_faccessat, AT_FDCWD, name, X_OK) != 0) continue;
    look_at(name, false);
    return;
  }
}
