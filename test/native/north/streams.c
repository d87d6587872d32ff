/* Streams of the C library on what differs: random numbers, /proc, and what others write into pipes and sockets. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <mntent.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "program.h"

static void tell_stream(const char *path) {
  FILE *stream = fopen(path, "r");
  if (stream == 0) {
    tell("%s: %s", path, strerror(errno));
    return;
  }
  char *line = 0;
  size_t room = 0;
  tell("%s is %d", path, fileno(stream));
  for (int i = 0; i < 5 && getline(&line, &room, stream) >= 0; i++) printf("%s", line);
  rewind(stream);
  if (getline(&line, &room, stream) >= 0) printf("%s", line);
  free(line);
  did(fclose(stream));
}

int main(void) {
  unsigned char seed[200];
  FILE *random = fopen("/dev/urandom", "r");
  setvbuf(random, 0, _IONBF, 0);
  did(fread(seed, 1, 16, random));
  for (int i = 0; i < 16; i++) printf("%02x", seed[i]);
  fclose(random);
  random = fopen64("/dev/random", "rb");
  did(fread(seed, 1, sizeof seed, random));
  for (size_t i = 0; i < sizeof seed; i++) printf("%02x", seed[i]);
  fclose(random);
  tell_stream("/proc/self/stat");
  tell_stream("/proc/uptime");
  tell_stream("/proc/self/nothing");
  tell_stream("/sys/kernel/mm/transparent_hugepage/enabled");
  tell_stream("file");
  tell_stream("nothing");
  FILE *stream = fopen("written", "w+x");
  fprintf(stream, "a line\n");
  fflush(stream);
  tell("%ld", ftell(stream));
  did(fclose(stream));
  did(fopen("written", "wx") != 0);
  stream = fopen("written", "a");
  fprintf(stream, "another\n");
  fclose(stream);
  tell_stream("written");
  stream = setmntent("/etc/mtab", "r");
  const struct mntent *entry = getmntent(stream);
  if (entry != 0) tell("%s on %s", entry->mnt_type, entry->mnt_dir);
  endmntent(stream);
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0) return 1;
  FILE *left = fdopen(pair[0], "r+"), *right = fdopen(pair[1], "r+");
  char line[64] = "";
  tell("%d %d", fileno(left), fileno(right));
  fprintf(left, "question\n");
  fflush(left);
  if (fgets(line, sizeof line, right) != 0) printf("%s", line);
  fprintf(right, "answer to %s", line);
  fflush(right);
  if (fgets(line, sizeof line, left) != 0) printf("%s", line);
  did(fclose(left));
  did(fgets(line, sizeof line, right) == 0);
  did(fclose(right));
  did(fdopen(77, "r") != 0);
  int null = open("/dev/null", O_WRONLY);
  did(fdopen(null, "r") != 0);
  return 0;
}
