/* How a program comes to be wrapped. */
#ifndef NORTH_ATTACH_H
#define NORTH_ATTACH_H

#include <stdbool.h>

/** At the first interposed call, which may come before any constructor of ours. @returns whether the program is wrapped. */
bool attach(void);

void random_at_start(void);

/**
 * The program is about to end: what its libraries' destructors do is not recorded any more, and a replay that waits at one of their calls for
 * what comes next is told that nothing does.
 */
void program_ends(void);

/** What the programs that this one becomes are to preload. */
void preload_remember(void);

#endif
