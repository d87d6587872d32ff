/*
 * Random numbers. Whatever a program draws from the kernel or from a generator that is seeded by more than that (addresses, the time stamp counter)
 * is recorded with its value: it may be key material, and so is the recording.
 */
#define _GNU_SOURCE
#include <stddef.h>
#include <sys/auxv.h>
#include <sys/random.h>

#include "attach.h"
#include "real.h"
#include "recording.h"
#include "sys.h"

enum source { FROM_GETRANDOM = 0, FROM_ARC4RANDOM = 1, FROM_LIBCRYPTO = 2, FROM_KERNEL_AT_START = 3 };

/** @returns the recorded result, with `length` bytes of its values; or -1: draw, then `drawn`. */
static bool redrawn(enum source source, void *into, size_t length, int64_t *result) {
  const struct north_record *record = recorded(NORTH_RANDOM, (int32_t)source);
  if (record == 0) return false;
  if (record->detail != length) diverged(record, NORTH_RANDOM, (int32_t)length, "another amount of randomness");
  *result = record->result;
  size_t had = payload_length(record);
  __builtin_memcpy(into, payload_of(record), length < had ? length : had);
  replay_taken(record);
  return true;
}

static void drawn(enum source source, const void *bytes, size_t length, int64_t result) {
  record_bytes(NORTH_RANDOM, (int32_t)source, result, (uint32_t)length, bytes, length);
}

static long draw(void *into, size_t length, unsigned flags) {
  size_t piece = length < NORTH_PAYLOAD_MAX ? length : NORTH_PAYLOAD_MAX;
  int64_t result;
  if (redrawn(FROM_GETRANDOM, into, piece, &result)) return result;
  result = sys(SYS_getrandom, into, piece, flags);
  drawn(FROM_GETRANDOM, into, piece, result);
  return result;
}

INTERPOSED ssize_t getrandom(void *into, size_t length, unsigned flags) {
  if (!wrap_enter()) return real(getrandom)(into, length, flags);
  long result = draw(into, length, flags);
  wrap_leave();
  return returned(result);
}

INTERPOSED int getentropy(void *into, size_t length) {
  if (!wrap_enter()) return real(getentropy)(into, length);
  long result = length > 256 ? -EIO : draw(into, length, 0);
  wrap_leave();
  return (int)returned(result < 0 ? result : 0);
}

static void draw_all(void *into, size_t length) {
  uint8_t *at = into;
  while (length > 0) {
    long got = draw(at, length, 0);
    if (got > 0) at += got, length -= (size_t)got;
  }
}

/* Since glibc 2.36, which draws by an internal call. */
INTERPOSED void arc4random_buf(void *into, size_t length) {
  bool entered = wrap_enter();
  if (entered) draw_all(into, length);
  else sys(SYS_getrandom, into, length, 0);
  if (entered) wrap_leave();
}

INTERPOSED uint32_t arc4random(void) {
  uint32_t value;
  arc4random_buf(&value, sizeof value);
  return value;
}

INTERPOSED uint32_t arc4random_uniform(uint32_t bound) {
  if (bound < 2) return 0;
  for (uint32_t least = -bound % bound;;) {
    uint32_t value = arc4random();
    if (value >= least) return value % bound;
  }
}

/** Sixteen bytes that the kernel gives each program as it starts. Stack guards have been made of them by now, seeds have not. */
void random_at_start(void) {
  uint8_t *bytes = (uint8_t *)getauxval(AT_RANDOM);
  int64_t result;
  if (bytes == 0 || redrawn(FROM_KERNEL_AT_START, bytes, 16, &result)) return;
  drawn(FROM_KERNEL_AT_START, bytes, 16, 0);
}

/* libcrypto mixes addresses and the time stamp counter into its generators: what it gives is recorded. OpenSSL 3, rand_lib.c */
typedef int libcrypto_draw(void *context, unsigned char *into, size_t length, unsigned strength);

/** Programs load it in a scope of its own, which `real` does not see. */
static libcrypto_draw *find(const char *name) {
  void *function = dlsym(RTLD_NEXT, name);
  if (function != 0) return (libcrypto_draw *)function;
  void *library = dlopen("libcrypto.so.3", RTLD_LAZY | RTLD_NOLOAD);
  return library == 0 ? 0 : (libcrypto_draw *)dlsym(library, name);
}

static int draw_from_libcrypto(libcrypto_draw *function, void *context, unsigned char *into, size_t length, unsigned strength) {
  if (length > NORTH_PAYLOAD_MAX || !wrap_enter()) return function(context, into, length, strength);
  int64_t result;
  if (!redrawn(FROM_LIBCRYPTO, into, length, &result)) {
    result = function(context, into, length, strength);
    drawn(FROM_LIBCRYPTO, into, length, result);
  }
  wrap_leave();
  return (int)result;
}

libcrypto_draw RAND_bytes_ex, RAND_priv_bytes_ex;

INTERPOSED int RAND_bytes_ex(void *context, unsigned char *into, size_t length, unsigned strength) {
  static libcrypto_draw *function;
  if (function == 0) function = find("RAND_bytes_ex");
  return draw_from_libcrypto(function, context, into, length, strength);
}

INTERPOSED int RAND_priv_bytes_ex(void *context, unsigned char *into, size_t length, unsigned strength) {
  static libcrypto_draw *function;
  if (function == 0) function = find("RAND_priv_bytes_ex");
  return draw_from_libcrypto(function, context, into, length, strength);
}

int RAND_bytes(unsigned char *into, int length);
int RAND_priv_bytes(unsigned char *into, int length);

INTERPOSED int RAND_bytes(unsigned char *into, int length) {
  return length < 0 ? 0 : RAND_bytes_ex(0, into, (size_t)length, 0);
}

INTERPOSED int RAND_priv_bytes(unsigned char *into, int length) {
  return length < 0 ? 0 : RAND_priv_bytes_ex(0, into, (size_t)length, 0);
}
