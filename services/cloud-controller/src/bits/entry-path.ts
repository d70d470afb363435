import { posix } from 'node:path';

/** Longest path and word that file systems take. */
const mostBytes = 4096;
const mostWordBytes = 255;

/** Why a path may not be in an application, or undefined when it may. Paths are relative, with `/` between words. */
export function pathFault(path: string): string | undefined {
  if (path === '') return 'is empty';
  if (path.includes('\0')) return 'holds a NUL character';
  if (path.startsWith('/') || /^[A-Za-z]:/.test(path)) return 'is absolute';
  if (path.includes('\\')) return 'holds a backslash';
  if (Buffer.byteLength(path) > mostBytes) return 'is too long';
  for (const word of path.split('/')) {
    if (word === '' || word === '.' || word === '..') return `holds an empty word, "." or ".."`;
    if (Buffer.byteLength(word) > mostWordBytes) return 'holds a name that is too long';
  }
  return undefined;
}

/** Whether a symbolic link at `path` that points to `target` stays inside the application. */
export function linkStaysInside(path: string, target: string): boolean {
  if (target === '' || target.includes('\0') || posix.isAbsolute(target)) return false;
  const landed = posix.normalize(posix.join(posix.dirname(path), target));
  return landed !== '..' && !landed.startsWith('../');
}
