/* Who is at the other end of a connection, as the record of its accept has it. */
#ifndef NORTH_ACCEPT_H
#define NORTH_ACCEPT_H

#include <stdint.h>
#include <sys/socket.h>

struct peer {
  uint32_t length;
  struct sockaddr_storage name;
};

#endif
