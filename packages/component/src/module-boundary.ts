import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Keeps Node.js applications below `dir` from taking a package.json above it for theirs: what `"type"` it names decides
 * how their files are read. Needed wherever an application's files lie among other people's.
 */
export const markModuleBoundary = async (dir: string): Promise<void> => {
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'package.json'), '{}\n', { mode: 0o644 });
};
