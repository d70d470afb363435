import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Removes entries of a folder that were last changed before `olderThanMs` (since the epoch). Runs at start only. */
export function sweepStale(folder: string, olderThanMs: number, prefix = ''): void {
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(prefix)) continue;
    const path = join(folder, name);
    const found = statSync(path, { throwIfNoEntry: false });
    if (found && found.mtimeMs < olderThanMs) rmSync(path, { recursive: true, force: true });
  }
}
