/*
 * The numbers of files. A program keeps them (a database looks whether its file is still the same one), so those that a replay has given stay the
 * files' numbers when this host goes live, though its own disk has others. Shared by the processes that descend from the first one.
 */
#ifndef NORTH_INODES_H
#define NORTH_INODES_H

#include <stdbool.h>
#include <stdint.h>

struct inode {
  uint64_t device, number;
};

/** Room for what is learnt, in which all processes that this one makes have a part. */
void inodes_reserve(void);

/** In a replay: what the program believes, and what this disk has. */
void inode_learn(struct inode shown, struct inode own);

/** Whether anything was learnt. */
bool inodes_differ(void);

/** @returns what the program is shown for a file of this disk */
struct inode inode_shown(struct inode own);

#endif
