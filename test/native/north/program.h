/* What the test programs have in common: a failed call is told, not hidden, and the same in a replay. */
#ifndef TEST_PROGRAM_H
#define TEST_PROGRAM_H

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define tell(...) (printf(__VA_ARGS__), putchar('\n'))
#define did(call)                                                        \
  ({                                                                     \
    errno = 0;                                                           \
    long did_ = (long)(call);                                            \
    tell("%s: %ld %s", #call, did_, did_ < 0 ? strerror(errno) : "");    \
    did_;                                                                \
  })

#endif
