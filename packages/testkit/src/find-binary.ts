import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * The absolute path of a program, looked for in PATH and then in the system's folders (which an ordinary user's PATH
 * often lacks). Throws an error that names the Debian package to install.
 */
export function findBinary(name: string, aptPackage: string): string {
  const folders = [
    ...(process.env['PATH'] ?? '').split(delimiter),
    '/usr/local/sbin',
    '/usr/sbin',
    '/usr/bin',
  ];
  for (const folder of folders) {
    if (folder === '') continue;
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // not here: the next folder
    }
  }
  throw new Error(`${name} is not installed; try: apt-get install -y --no-install-recommends ${aptPackage}`);
}
