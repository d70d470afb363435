import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const FILES_PER_DIR = 100;
const SERVER = `require('node:http')
  .createServer((_request, response) => response.end('big\\n'))
  .listen(Number(process.env.PORT));
`;
const MANIFEST = `applications:
  - name: big-app
    framework: node
    mem: 128M
    instances: 1
`;

/** How much to make; 5,000 files of 100 MB together by default. */
export interface BigAppOptions {
  readonly files?: number;
  readonly bytes?: number;
}

/**
 * Writes a Node.js app of exactly `files` data files and `bytes` data bytes into the new or empty
 * directory `dir`, next to its server.js and manifest.yml. The bytes do not compress, differ between
 * files and are the same at each call.
 */
export const makeBigApp = async (dir: string, options: BigAppOptions = {}): Promise<void> => {
  const { files = 5000, bytes = 100 * 1024 * 1024 } = options;
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'server.js'), SERVER);
  await writeFile(join(dir, 'manifest.yml'), MANIFEST);
  const each = files === 0 ? 0 : Math.floor(bytes / files);
  for (let index = 0; index < files; index += 1) {
    const size = index === files - 1 ? bytes - each * (files - 1) : each;
    const folder = join(dir, 'data', String(Math.floor(index / FILES_PER_DIR)).padStart(4, '0'));
    if (index % FILES_PER_DIR === 0) await mkdir(folder, { recursive: true });
    await writeFile(join(folder, `${String(index).padStart(6, '0')}.bin`), noise(index, size));
  }
};

/** `size` bytes that look random but follow from `seed`. */
const noise = (seed: number, size: number): Buffer =>
  createHash('shake256', { outputLength: Math.max(1, size) })
    .update(`big-app ${seed}`)
    .digest()
    .subarray(0, size);
