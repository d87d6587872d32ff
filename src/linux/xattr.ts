/**
 * Extended attributes (xattr(7)) of what has this name, be it a symbolic link. Paths are bytes: names that a server has chosen need not
 * be UTF-8.
 */
import { constants } from 'node:os';
import { assert } from '../errors.ts';
import { check, LinuxError } from './errors.ts';
import { errno, libc } from './libc.ts';
import { addressOf, allocate } from './memory.ts';

const { ENODATA, EOPNOTSUPP } = constants.errno;
/** PATH_MAX, XATTR_NAME_MAX + 1, XATTR_SIZE_MAX and XATTR_LIST_MAX of include/uapi/linux/limits.h. */
const PATH_BYTES_MAX = 4096;
const NAME_BYTES_MAX = 256;
const VALUE_BYTES_MAX = 65_536;

const pathRoom = allocate(PATH_BYTES_MAX);
const nameRoom = allocate(NAME_BYTES_MAX);
const valueRoom = allocate(VALUE_BYTES_MAX);

/** Those that this process may see; none where the file system has no such thing. */
export function listXattrs(path: Buffer): string[] {
  const length = libc.llistxattr(terminated(path, pathRoom), addressOf(valueRoom), VALUE_BYTES_MAX);
  if (length < 0 && errno() === EOPNOTSUPP) return [];
  check(length, `llistxattr(${path})`);
  return Buffer.from(valueRoom.subarray(0, length)).toString().split('\0').slice(0, -1);
}

/** Undefined when it has none of this name. */
export function getXattr(path: Buffer, name: string): Buffer | undefined {
  const at = terminated(path, pathRoom);
  const length = libc.lgetxattr(at, terminated(Buffer.from(name), nameRoom), addressOf(valueRoom), VALUE_BYTES_MAX);
  if (length >= 0) return Buffer.from(valueRoom.subarray(0, length));
  const error = errno();
  if (error === ENODATA || error === EOPNOTSUPP) return undefined;
  throw new LinuxError(`lgetxattr(${path}, ${name})`, error);
}

export function setXattr(path: Buffer, name: string, value: Uint8Array): void {
  assert(value.length <= VALUE_BYTES_MAX, 'an extended attribute has its size');
  valueRoom.set(value);
  const [at, named] = [terminated(path, pathRoom), terminated(Buffer.from(name), nameRoom)];
  check(libc.lsetxattr(at, named, addressOf(valueRoom), value.length, 0), `lsetxattr(${path}, ${name})`);
}

export function removeXattr(path: Buffer, name: string): void {
  const [at, named] = [terminated(path, pathRoom), terminated(Buffer.from(name), nameRoom)];
  check(libc.lremovexattr(at, named), `lremovexattr(${path}, ${name})`);
}

/** The address of the text as C has it. */
function terminated(text: Buffer, room: Uint8Array): number {
  assert(text.length < room.length && !text.includes(0), 'a name fits into its room');
  room.set(text);
  room[text.length] = 0;
  return addressOf(room);
}
