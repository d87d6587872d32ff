/**
 * The C library: the only place where foreign functions are declared, but OpenSSL's (`aes-gcm.ts`). Everything else in this folder gives
 * them names, types and error messages. Pointers cross as plain numbers (user-space addresses fit into 53 bits), see `memory.ts`.
 *
 * Each worker thread that imports this loads its own copy. The structures built by hand in this folder assume what
 * Linux on x86-64, arm64 and riscv64 share: 64-bit longs, little endian.
 */
import koffi from 'koffi';

// null is the process itself: Node is linked to the C library, be it glibc or musl.
const library = koffi.load(null);

function declare<F extends (...parameters: never[]) => number>(prototype: string): F {
  return library.func(prototype) as unknown as F;
}

type FdBytes = (fd: number, address: number, length: number) => number;
type FdBytesFlags = (fd: number, address: number, length: number, flags: number) => number;
type SocketAddress = (fd: number, address: number, length: number) => number;

export const libc = {
  open: declare<(path: string, flags: number) => number>('int open(const char *path, int flags)'),
  close: declare<(fd: number) => number>('int close(int fd)'),
  read: declare<FdBytes>('intptr_t read(int fd, uintptr_t buffer, size_t length)'),
  pread: declare<(fd: number, address: number, length: number, position: number) => number>(
    'intptr_t pread(int fd, uintptr_t buffer, size_t length, long position)',
  ),
  write: declare<FdBytes>('intptr_t write(int fd, uintptr_t buffer, size_t length)'),
  writev: declare<(fd: number, vector: number, count: number) => number>(
    'intptr_t writev(int fd, uintptr_t vector, int count)',
  ),
  ioctl: declare<(fd: number, request: number, argument: number) => number>(
    'int ioctl(int fd, unsigned long request, uintptr_t argument)',
  ),
  ppoll: declare<(fds: number, count: number, timeout: number, mask: number) => number>(
    'int ppoll(uintptr_t fds, unsigned long count, uintptr_t timeout, uintptr_t mask)',
  ),
  pipe2: declare<(ends: number, flags: number) => number>('int pipe2(uintptr_t ends, int flags)'),
  fcntl: declare<(fd: number, command: number, argument: number) => number>(
    'int fcntl(int fd, int command, int argument)',
  ),
  flock: declare<(fd: number, operation: number) => number>('int flock(int fd, int operation)'),
  lgetxattr: declare<(path: number, name: number, value: number, size: number) => number>(
    'intptr_t lgetxattr(uintptr_t path, uintptr_t name, uintptr_t value, size_t size)',
  ),
  lsetxattr: declare<(path: number, name: number, value: number, size: number, flags: number) => number>(
    'int lsetxattr(uintptr_t path, uintptr_t name, uintptr_t value, size_t size, int flags)',
  ),
  lremovexattr: declare<(path: number, name: number) => number>('int lremovexattr(uintptr_t path, uintptr_t name)'),
  llistxattr: declare<(path: number, list: number, size: number) => number>(
    'intptr_t llistxattr(uintptr_t path, uintptr_t list, size_t size)',
  ),
  eventfd: declare<(initial: number, flags: number) => number>('int eventfd(unsigned int initial, int flags)'),

  prctl: declare<(option: number, a: number, b: number, c: number, d: number) => number>(
    'int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)',
  ),
  ptrace: declare<(request: number, pid: number, address: number, data: number) => number>(
    'long ptrace(int request, int pid, uintptr_t address, uintptr_t data)',
  ),

  socket: declare<(family: number, type: number, protocol: number) => number>(
    'int socket(int family, int type, int protocol)',
  ),
  bind: declare<SocketAddress>('int bind(int fd, uintptr_t address, uint32_t length)'),
  listen: declare<(fd: number, backlog: number) => number>('int listen(int fd, int backlog)'),
  accept4: declare<(fd: number, address: number, length: number, flags: number) => number>(
    'int accept4(int fd, uintptr_t address, uintptr_t length, int flags)',
  ),
  connect: declare<SocketAddress>('int connect(int fd, uintptr_t address, uint32_t length)'),
  getsockname: declare<SocketAddress>('int getsockname(int fd, uintptr_t address, uintptr_t length)'),
  getsockopt: declare<(fd: number, level: number, option: number, value: number, length: number) => number>(
    'int getsockopt(int fd, int level, int option, uintptr_t value, uintptr_t length)',
  ),
  setsockopt: declare<(fd: number, level: number, option: number, value: number, length: number) => number>(
    'int setsockopt(int fd, int level, int option, uintptr_t value, uint32_t length)',
  ),
  send: declare<FdBytesFlags>('intptr_t send(int fd, uintptr_t buffer, size_t length, int flags)'),
  recv: declare<FdBytesFlags>('intptr_t recv(int fd, uintptr_t buffer, size_t length, int flags)'),
  sendto: declare<
    (fd: number, buffer: number, length: number, flags: number, address: number, addressLength: number) => number
  >('intptr_t sendto(int fd, uintptr_t buffer, size_t length, int flags, uintptr_t address, uint32_t addressLength)'),
  recvfrom: declare<
    (fd: number, buffer: number, length: number, flags: number, address: number, addressLength: number) => number
  >(
    'intptr_t recvfrom(int fd, uintptr_t buffer, size_t length, int flags, uintptr_t address, uintptr_t addressLength)',
  ),

  recvmmsg: declare<(fd: number, vector: number, count: number, flags: number, timeout: number) => number>(
    'int recvmmsg(int fd, uintptr_t vector, unsigned int count, int flags, uintptr_t timeout)',
  ),

  memfdCreate: declare<(name: string, flags: number) => number>(
    'int memfd_create(const char *name, unsigned int flags)',
  ),
  ftruncate: declare<(fd: number, length: number) => number>('int ftruncate(int fd, long length)'),
  fallocate: declare<(fd: number, mode: number, offset: number, length: number) => number>(
    'int fallocate(int fd, int mode, long offset, long length)',
  ),
  mmap: declare<
    (address: number, length: number, protection: number, flags: number, fd: number, offset: number) => number
  >('intptr_t mmap(uintptr_t address, size_t length, int protection, int flags, int fd, long offset)'),
  /** Variadic in C; in these calling conventions that is the same for integers. */
  syscall: declare<(number: number, a: number, b: number, c: number, d: number, e: number, f: number) => number>(
    'long syscall(long number, uintptr_t a, long b, long c, long d, long e, long f)',
  ),

  clockGettime: declare<(clock: number, into: number) => number>('int clock_gettime(int clock, uintptr_t into)'),
  clockNanosleep: declare<(clock: number, flags: number, until: number, remaining: number) => number>(
    'int clock_nanosleep(int clock, int flags, uintptr_t until, uintptr_t remaining)',
  ),
  schedSetscheduler: declare<(tid: number, policy: number, parameter: number) => number>(
    'int sched_setscheduler(int tid, int policy, uintptr_t parameter)',
  ),
  setns: declare<(fd: number, kind: number) => number>('int setns(int fd, int kind)'),
  unshare: declare<(flags: number) => number>('int unshare(int flags)'),
  execvp: declare<(file: string, words: readonly (string | null)[]) => number>(
    'int execvp(const char *file, const char **words)',
  ),
};

/** The calling thread's errno; meaningful only right after a call that failed. */
export function errno(): number {
  return koffi.errno();
}

/** Where the bytes are in memory. The backing store of an array does not move, but is freed with it. */
export function rawAddress(bytes: Uint8Array): number {
  return Number(koffi.address(bytes));
}

/** The memory at an address, for as long as it is mapped. */
export function memoryAt(address: number, length: number): ArrayBuffer {
  return koffi.view(address, length);
}
