import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build as run } from 'esbuild';
import type { Plugin } from 'esbuild';

/** The files of the application that `vmc tunnel` pushes, by name. */
export interface HelperBundle {
  release: string;
  files: Record<string, string>;
}

const entry = fileURLToPath(new URL('main.ts', import.meta.url));
const ownPackage = fileURLToPath(new URL('../../package.json', import.meta.url));

/** Makes one file of the helper and all it needs, so that staging it installs nothing. */
export async function bundleHelper(): Promise<HelperBundle> {
  const { version } = JSON.parse(readFileSync(ownPackage, 'utf8')) as { version: string };
  const digest = createHash('sha256')
    .update(await bundle(''))
    .digest('hex')
    .slice(0, 12);
  const release = `${version}-${digest}`;
  const manifest = {
    name: 'caldecott',
    version,
    release,
    private: true,
    type: 'commonjs',
    scripts: { start: 'node server.js' },
  };
  return {
    release,
    files: { 'server.js': await bundle(release), 'package.json': `${JSON.stringify(manifest, null, 2)}\n` },
  };
}

async function bundle(release: string): Promise<string> {
  const { outputFiles } = await run({
    entryPoints: [entry],
    bundle: true,
    write: false,
    minify: true,
    // Class names appear in messages.
    keepNames: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    legalComments: 'eof',
    conditions: ['source'],
    define: { CALDECOTT_RELEASE: JSON.stringify(release) },
    // Native speed-ups of ws that are optional there.
    external: ['bufferutil', 'utf-8-validate'],
    plugins: [leaveOut],
  });
  return outputFiles[0]?.text ?? '';
}

/** What our imports bring along and the helper never uses, by the path of the file: half of its size. */
const unused: [path: RegExp, replacement: string][] = [
  // Messages in forty languages; we print English.
  [/zod\/v4\/locales\/index\.js$/, "export { default as en } from './en.js';"],
  // Parsers of request bodies with the tables of all character sets; tunnels take raw bytes.
  [/body-parser\/index\.js$/, 'module.exports = {};'],
];

const leaveOut: Plugin = {
  name: 'leave-out-unused',
  setup: (build) => {
    for (const [filter, contents] of unused) build.onLoad({ filter }, () => ({ contents }));
  },
};
