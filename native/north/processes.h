/* Processes that a program makes by the system call. */
#ifndef NORTH_PROCESSES_H
#define NORTH_PROCESSES_H

/** clone(2) without memory in common. The caller has entered. @returns the pid, 0 in the child, -errno */
long clone_process(long flags);

#endif
