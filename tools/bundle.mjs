/**
 * The last step of the build of a program: `node ../../tools/bundle.mjs [--out dist] [--split] src/main.ts ...` in its package
 * writes each entry and all it needs as few files. A program starts in half the time of one that reads a thousand
 * modules, and needs a third less memory (docs/decisions/0009).
 */
import { readdirSync, rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { out: { type: 'string', default: 'dist' }, split: { type: 'boolean', default: false } },
});

/**
 * Takes Node's modules as they are. An `import` of `node:http` reads each of its exports once, and one of them loads
 * all of undici: a fifth of the time of a short command.
 */
const builtinModules = {
  name: 'builtin-modules',
  setup: (esbuild) => {
    esbuild.onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace: 'builtin' }));
    esbuild.onLoad({ filter: /^/, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
    }));
  },
};

/** Messages in forty languages; we print English. */
const english = {
  name: 'english',
  setup: (esbuild) =>
    esbuild.onLoad({ filter: /zod\/v4\/locales\/index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js';",
    })),
};

const { metafile } = await build({
  entryPoints: positionals,
  entryNames: '[name]',
  outdir: values.out,
  bundle: true,
  metafile: true,
  // With --split what is imported later is a file of its own: only what is asked for is read. Such a file of a
  // CommonJS module has no named exports, so this is for programs that import only our own modules later (which may hand
  // on what they need of such a one).
  splitting: values.split,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  conditions: ['source'],
  minifySyntax: true,
  minifyWhitespace: true,
  lineLimit: 200, // so that a stack trace still says where
  legalComments: 'external',
  // Native speed-ups that are optional where they are asked for.
  external: ['bufferutil', 'utf-8-validate', 'msgpackr-extract'],
  banner: {
    js: [
      `const require = process.getBuiltinModule('node:module').createRequire(import.meta.url);`,
      `const { filename: __filename, dirname: __dirname } = import.meta;`,
    ].join('\n'),
  },
  plugins: [builtinModules, english],
});

const written = new Set(Object.keys(metafile.outputs).map((path) => path.split('/').at(-1)));
for (const name of readdirSync(values.out))
  if (/-[A-Z0-9]{8}\.js$/.test(name) && !written.has(name)) rmSync(`${values.out}/${name}`);
