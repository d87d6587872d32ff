/**
 * Overlays: how the kernel is asked for one, and what it writes into the upper layer (its Documentation/filesystems/overlayfs.rst).
 */
import type { Stats } from 'node:fs';
import { inUserNamespace } from './capabilities.ts';
import { getXattr, listXattrs, removeXattr } from './xattr.ts';

interface OverlayKind {
  /** The first list that the kernel takes is the right one. */
  readonly mountOptions: readonly string[];
  /** Begins the names of the attributes that are the kernel's own. */
  readonly xattrs: string;
}

/** With these options an upper layer is whiteouts, opaque directories and whole files, and nothing else. */
const OF_ROOT: OverlayKind = {
  // Linux before 4.19 knows no metacopy.
  mountOptions: ['redirect_dir=off,index=off,metacopy=off', 'redirect_dir=off,index=off'],
  xattrs: 'trusted.overlay.',
};

/** `userxattr` implies the rest, and refuses to be told. */
const OF_USER: OverlayKind = { mountOptions: ['userxattr,index=off'], xattrs: 'user.overlay.' };

export function overlayKind(): OverlayKind {
  return inUserNamespace() ? OF_USER : OF_ROOT;
}

/** Stands for: there is nothing of this name, whatever the lower layer has. */
export function isWhiteout(found: Stats): boolean {
  return found.isCharacterDevice() && found.rdev === 0;
}

/** Does the directory hide that of the lower layer? */
export function isOpaque(directory: Buffer): boolean {
  return getXattr(directory, `${overlayKind().xattrs}opaque`)?.toString() === 'y';
}

/** The attributes that a file or directory has for whoever sees it through the overlay. */
export function visibleXattrs(path: Buffer): string[] {
  return listXattrs(path).filter((name) => !name.startsWith(overlayKind().xattrs));
}

export function removeOverlayXattrs(path: Buffer): void {
  for (const name of listXattrs(path)) if (name.startsWith(overlayKind().xattrs)) removeXattr(path, name);
}
