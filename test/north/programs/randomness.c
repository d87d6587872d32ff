/* Random numbers from every source there is, and what is made of them. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "program.h"

static void show(const char *source, const void *from, size_t length) {
  char text[65] = "";
  for (size_t i = 0; i < length && i < 32; i++) sprintf(text + 2 * i, "%02x", ((const uint8_t *)from)[i]);
  say("%s = %s", source, text);
}

int main(void) {
  uint8_t bytes[32];
  for (int i = 0; i < 3; i++) {
    must(getrandom(bytes, sizeof bytes, 0) == sizeof bytes);
    show("getrandom", bytes, sizeof bytes);
    must(getentropy(bytes, 16) == 0);
    show("getentropy", bytes, 16);
    int fd = open("/dev/urandom", O_RDONLY);
    must(fd >= 0 && read(fd, bytes, 24) == 24 && close(fd) == 0);
    show("urandom", bytes, 24);
    FILE *stream = fopen("/dev/urandom", "r");
    must(stream != 0 && fread(bytes, 1, 20, stream) == 20 && fclose(stream) == 0);
    show("urandom by a stream", bytes, 20);
    stream = fopen("/proc/sys/kernel/random/uuid", "r");
    char line[64] = "";
    must(stream != 0 && fgets(line, sizeof line, stream) != 0 && fclose(stream) == 0);
    show("uuid", line, 32);
    char path[] = "/tmp/north-XXXXXX", folder[] = "/tmp/north-XXXXXX";
    fd = mkstemp(path);
    must(fd >= 0 && mkdtemp(folder) != 0);
    say("file = %s, %s", path, folder);
    must(close(fd) == 0 && unlink(path) == 0 && rmdir(folder) == 0);
  }
  return 0;
}
