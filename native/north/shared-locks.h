/* Mutexes in memory that processes share: who has them comes in the order of all processes. */
#ifndef NORTH_SHARED_LOCKS_H
#define NORTH_SHARED_LOCKS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

bool is_shared_mutex(const pthread_mutex_t *mutex);
/** @param deadline of the monotonic clock in ns; negative: none */
int shared_mutex_lock(pthread_mutex_t *mutex, int64_t deadline);
int shared_mutex_trylock(pthread_mutex_t *mutex);
int shared_mutex_unlock(pthread_mutex_t *mutex);

#endif
