import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeBigApp } from '@vcap/samples';
import { tempDir } from '@vcap/testkit';

const changingFile = 'data/0000/000000.bin';
const changingBytes = 20_971; // as the other files have
const server = `const { readFileSync } = require('node:fs');
require('node:http')
  .createServer((request, response) => response.end(readFileSync('${changingFile}').toString('hex', 0, 16)))
  .listen(Number(process.env.PORT));
`;

/** A folder with an application of 100 MB in 5,000 files that answers with the first bytes of one of them. */
export interface BigApp {
  path: string;
  /** Gives that file new content that does not compress; answers what the application shall say then. */
  change(): Promise<string>;
  remove(): Promise<void>;
}

/** Writes the application into a directory of its own. */
export async function createBigApp(): Promise<BigApp> {
  const dir = await tempDir('vcap-big-');
  const path = join(dir.path, 'app');
  await makeBigApp(path);
  await writeFile(join(path, 'server.js'), server);
  return {
    path,
    change: async () => {
      const content = randomBytes(changingBytes);
      await writeFile(join(path, changingFile), content);
      return content.toString('hex', 0, 16);
    },
    remove: async () => dir.remove(),
  };
}
