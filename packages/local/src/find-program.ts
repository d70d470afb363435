import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The program's path, looked for in PATH and the system's folders. Throws saying what to install. */
export function findProgram(name: string, debianPackage: string): string {
  for (const folder of [
    ...(process.env['PATH'] ?? '').split(delimiter),
    '/usr/local/sbin',
    '/usr/sbin',
    '/usr/bin',
  ]) {
    const path = join(folder || '.', name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // not in this folder
    }
  }
  throw new Error(`${name} is not installed. On Debian: apt-get install ${debianPackage}`);
}
