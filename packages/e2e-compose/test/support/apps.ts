import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { samplePath } from '@vcap/samples';
import { build } from 'esbuild';

/** Needs no package: staging asks no registry. */
export const plainApp = samplePath('node-hello');

/** The sample that counts visits in a database, with its packages in one file, so that staging asks no registry. */
export async function writeVisits(dir: string): Promise<void> {
  const sample = samplePath('visits');
  await build({
    entryPoints: [join(sample, 'server.js')],
    outfile: join(dir, 'server.js'),
    bundle: true,
    platform: 'node',
    target: 'node20',
    nodePaths: [fileURLToPath(new URL('../../node_modules', import.meta.url))],
    logLevel: 'error',
  });
  copyFileSync(join(sample, 'manifest.yml'), join(dir, 'manifest.yml'));
  writeFileSync(join(dir, 'package.json'), '{ "name": "visits", "scripts": { "start": "node server.js" } }');
}
