/* Threads that contend for every kind of lock, and are interrupted while they have it. */
#define _GNU_SOURCE
#include <sched.h>
#include <semaphore.h>

#include "program.h"

#define THREADS 4
#define ROUNDS 6

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_spinlock_t spin;
static sem_t semaphore;
static pthread_barrier_t barrier;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static volatile int by_mutex, by_rwlock, by_spin, by_semaphore;

static void first(void) {
  compute_ms(1);
  say("once");
}

/** What another thread adds meanwhile would be lost. */
static void add(volatile int *sum) {
  int before = *sum;
  compute_ms(1);
  *sum = before + 1;
}

static void *contend(void *argument) {
  int me = (int)(intptr_t)argument;
  pthread_once(&once, first);
  for (int i = 0; i < ROUNDS; i++) {
    pthread_mutex_lock(&mutex);
    add(&by_mutex);
    pthread_mutex_unlock(&mutex);
    pthread_rwlock_rdlock(&rwlock);
    int seen = by_rwlock;
    sched_yield();
    must(by_rwlock == seen);
    pthread_rwlock_unlock(&rwlock);
    pthread_rwlock_wrlock(&rwlock);
    add(&by_rwlock);
    pthread_rwlock_unlock(&rwlock);
    pthread_spin_lock(&spin);
    add(&by_spin);
    pthread_spin_unlock(&spin);
    struct timespec until = in_ms(CLOCK_REALTIME, 10000);
    must(sem_timedwait(&semaphore, &until) == 0);
    add(&by_semaphore);
    sem_post(&semaphore);
    int result = pthread_barrier_wait(&barrier);
    must(result == 0 || result == PTHREAD_BARRIER_SERIAL_THREAD);
    must(by_mutex >= (i + 1) * THREADS);
    say("thread %d, round %d", me, i);
  }
  return 0;
}

int main(void) {
  pthread_t threads[THREADS];
  pthread_spin_init(&spin, 0);
  sem_init(&semaphore, 0, 1);
  pthread_barrier_init(&barrier, 0, THREADS);
  for (int i = 0; i < THREADS; i++) must(pthread_create(&threads[i], 0, contend, (void *)(intptr_t)i) == 0);
  for (int i = 0; i < THREADS; i++) must(pthread_join(threads[i], 0) == 0);
  must(by_mutex == THREADS * ROUNDS && by_rwlock == by_mutex && by_spin == by_mutex && by_semaphore == by_mutex);
  say("all there");
  return 0;
}
