/* Chooses by each of its arguments, and says each choice on a line of its own: made by the MAKER, and for what. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fttcp.h"

static size_t make(void *name, void *value, size_t capacity) {
  const char *maker = getenv("MAKER");
  if (strcmp(name, "too much") == 0) return FTTCP_VALUE_MOST + 1;
  return snprintf(value, capacity, "%s for %s", maker ? maker : "made", (const char *)name);
}

int main(int count, char **names) {
  static char value[FTTCP_VALUE_MOST + 2];
  for (int i = 1; i < count; i++) {
    ssize_t length = fttcp_choose(names[i], value, sizeof value, make, names[i]);
    if (length < 0) return perror("fttcp_choose"), 1;
    printf("%.*s\n", (int)length, value);
    fflush(stdout);
  }
  return 0;
}
