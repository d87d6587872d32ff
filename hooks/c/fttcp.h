/* fttcp_choose: the hook of fttcp for servers in C and C++. See docs/choose.md. */
#ifndef FTTCP_H
#define FTTCP_H

#include <stddef.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FTTCP_NAME_MOST 255
#define FTTCP_VALUE_MOST 65536

/* Makes a choice. Returns its length, at most `capacity`; must not fail. */
typedef size_t fttcp_choice(void *context, void *value, size_t capacity);

/* Fills `value` with what `choice` chooses; on a backup of fttcp, with what it has chosen on the primary. The k-th choice by a name (1 to
 * 255 bytes), among all processes of the server, is the same on both hosts. May be called by several threads.
 * Returns the length of the value; or −1 and errno: EINVAL for a name or a value of a wrong length, EMSGSIZE where `capacity` is less than
 * what was chosen, EBADF where the descriptor FTTCP_CHOICES was not inherited or is of another version of fttcp, EIO, ENOMEM. */
ssize_t fttcp_choose(const char *name, void *value, size_t capacity, fttcp_choice *choice, void *context);

#ifdef __cplusplus
}
#endif

#endif
