import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Where a file lies that a package has beside its modules; `name` is relative to the package's folder. `moduleUrl` is the
 * caller's `import.meta.url`: it lies deeper in `src` than in `dist`, where programs are bundled (docs/decisions/0009).
 */
export function packageFile(moduleUrl: string, name: string): string {
  const own = dirname(fileURLToPath(moduleUrl));
  for (let folder = own; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return join(folder, name);
    if (folder === dirname(folder)) throw new Error(`${own} is in no package`);
  }
}
