/* Processes made in every way, that speak by pipes, become other programs and are waited for. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/random.h>
#include <sys/syscall.h>

#include "program.h"

extern char **environ;
static volatile sig_atomic_t ended;

static void child_ended(int signal) {
  (void)signal;
  ended++;
}

static void become(const char *self, const char *how) {
  char *words[] = {(char *)self, (char *)how, 0}, *own[] = {"ONLY=this", 0};
  if (strcmp(how, "execv") == 0) execv(self, words);
  // The programs after it are wrapped all the same.
  clearenv();
  if (strcmp(how, "execve") == 0) execve(self, words, own);
  if (strcmp(how, "execl") == 0) execl(self, self, how, (char *)0);
  if (strcmp(how, "fexecve") == 0) fexecve(open(self, O_RDONLY), words, own);
  must(!"there is such a way");
}

static void pipes(void) {
  int down[2], up[2];
  must(pipe(down) == 0 && pipe(up) == 0);
  pid_t child = fork();
  must(child >= 0);
  if (child == 0) {
    char text[8];
    close(down[1]);
    for (ssize_t length; (length = read(down[0], text, sizeof text)) > 0;) {
      for (ssize_t i = 0; i < length; i++) text[i] -= 32;
      must(write(up[1], text, (size_t)length) == length);
    }
    _exit(3);
  }
  close(down[0]);
  close(up[1]);
  for (int i = 0; i < 5; i++) {
    char text[8] = "";
    must(write(down[1], "hello", 5) == 5);
    for (int got = 0; got < 5;) {
      ssize_t length = read(up[0], text + got, sizeof text - 1 - (size_t)got);
      must(length > 0);
      got += (int)length;
    }
    say("%d: %s", i, text);
  }
  close(down[1]);
  int status;
  must(wait(&status) == child && WEXITSTATUS(status) == 3);
  close(up[0]);
  say("child ended by %d", WEXITSTATUS(status));
}

int main(int count, char **words) {
  if (count > 1) {
    uint32_t drawn;
    must(getrandom(&drawn, sizeof drawn, 0) == sizeof drawn);
    say("became by %s = %u", words[1], drawn);
    return strcmp(words[1], "spawned") == 0 ? 9 : 0;
  }
  const char *self = words[0];
  pipes();
  const char *ways[] = {"execv", "execve", "execl", "fexecve"};
  for (int i = 0; i < 4; i++) {
    pid_t child = i % 2 == 0 ? fork() : vfork();
    if (child == 0) become(self, ways[i]);
    ended_well(child);
  }
  pid_t raw = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (raw == 0) {
    say("cloned");
    _exit(0);
  }
  ended_well(raw);
  pid_t spawned;
  char *spawned_words[] = {(char *)self, "spawned", 0};
  must(posix_spawn(&spawned, self, 0, 0, spawned_words, environ) == 0);
  siginfo_t info = {0};
  must(waitid(P_PID, (id_t)spawned, &info, WEXITED | WNOWAIT) == 0 && info.si_status == 9);
  must(waitid(P_PID, (id_t)spawned, &info, WEXITED) == 0 && info.si_pid == spawned && info.si_status == 9);
  must(system("exit 4") == 4 << 8);
  struct sigaction action = {.sa_handler = child_ended};
  sigaction(SIGCHLD, &action, 0);
  pid_t last = fork();
  if (last == 0) {
    pause_ms(5);
    _exit(0);
  }
  // The handler interrupts the wait for nothing.
  while (ended == 0) poll(0, 0, 50);
  int status;
  pid_t found;
  while ((found = waitpid(-1, &status, WNOHANG)) == 0) poll(0, 0, 50);
  must(found == last);
  must(waitpid(-1, &status, 0) == -1 && errno == ECHILD);
  say("the last one was heard of");
  return 0;
}
