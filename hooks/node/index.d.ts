/**
 * What `choice` returns; on a backup of fttcp, what it has returned on the primary. The k-th choice by a name, among all processes of the
 * server, is the same on both hosts.
 * @param name 1 to 255 bytes in UTF-8.
 * @param choice gives at most 64 KiB; must not throw.
 */
export function choose<T extends string | Uint8Array>(name: string, choice: () => T): T;
