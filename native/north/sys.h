/*
 * System calls without the C library: no errno, no cancellation point, and no way back into the symbols that the shim interposes.
 * They return -errno as the kernel does.
 */
#ifndef NORTH_SYS_H
#define NORTH_SYS_H

#include <errno.h>
#include <linux/futex.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>

#if defined(__x86_64__)
static inline long sys6(long number, long a, long b, long c, long d, long e, long f) {
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
static inline long sys6(long number, long a, long b, long c, long d, long e, long f) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
}
#else
#error "the north-side wrap knows x86-64 and arm64"
#endif

#define SYS_ARGUMENT_(_1, _2, _3, _4, _5, _6, _7, name, ...) name
#define SYS_1(n) sys6(n, 0, 0, 0, 0, 0, 0)
#define SYS_2(n, a) sys6(n, (long)(a), 0, 0, 0, 0, 0)
#define SYS_3(n, a, b) sys6(n, (long)(a), (long)(b), 0, 0, 0, 0)
#define SYS_4(n, a, b, c) sys6(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define SYS_5(n, a, b, c, d) sys6(n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define SYS_6(n, a, b, c, d, e) sys6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define SYS_7(n, a, b, c, d, e, f) sys6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
/** sys(SYS_read, fd, buffer, length) */
#define sys(...) SYS_ARGUMENT_(__VA_ARGS__, SYS_7, SYS_6, SYS_5, SYS_4, SYS_3, SYS_2, SYS_1)(__VA_ARGS__)

#define NANOSECONDS 1000000000ll

/** Sleeps while *word is `value`. @param shared between processes. @param ns at most so long; negative: as long as it takes. */
static inline long futex_wait(uint32_t *word, uint32_t value, int shared, int64_t ns) {
  struct timespec timeout = {ns / NANOSECONDS, ns % NANOSECONDS};
  int operation = shared ? FUTEX_WAIT : FUTEX_WAIT_PRIVATE;
  return sys(SYS_futex, word, operation, value, ns < 0 ? 0 : &timeout);
}

static inline void futex_wake(uint32_t *word, int count, int shared) {
  sys(SYS_futex, word, shared ? FUTEX_WAKE : FUTEX_WAKE_PRIVATE, count);
}

/** A failed call's errno is set as the C library would. */
static inline long returned(long result) {
  if (result >= 0 || result < -4095) return result;
  errno = (int)-result;
  return -1;
}

#endif
