/* Programs that a process becomes or starts: whether the shim will be in them. */
#ifndef NORTH_PROGRAMS_H
#define NORTH_PROGRAMS_H

#include <stdbool.h>

/** Tells the daemon of one that it will not be in. @param searched where the name has no slash, it is looked for in PATH */
void program_look(const char *file, bool searched);

#endif
