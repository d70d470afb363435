import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { StagingError } from '../domain/staging-error.ts';
import type { CompileContext } from './plugin.ts';

const LARGEST_TEXT_BYTES = 4 * 1024 * 1024;

/** Whether a regular file of this name is in the app (links to files count). */
export const hasFile = async (app: string, name: string): Promise<boolean> =>
  (await stat(join(app, name)).catch(() => undefined))?.isFile() ?? false;

/** Names of the regular files at the app's top, sorted. */
export const topFiles = async (app: string): Promise<string[]> =>
  (await readdir(app, { withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .sort();

/** A file of the app as text; undefined when there is none. */
export const readText = async (app: string, name: string): Promise<string | undefined> => {
  if (!(await hasFile(app, name))) return undefined;
  const path = join(app, name);
  if ((await stat(path)).size > LARGEST_TEXT_BYTES) {
    throw new StagingError('CompileFailed', `${name} is larger than ${LARGEST_TEXT_BYTES} bytes`);
  }
  return readFile(path, 'utf8');
};

/** Runs a program that must succeed. @throws StagingError `CompileFailed` naming the program */
export const mustRun = async (
  context: CompileContext,
  argv: readonly [string, ...string[]],
  env?: Readonly<Record<string, string>>,
): Promise<void> => {
  context.say(`$ ${argv.join(' ')}`);
  const { code, signal } = await context.run(argv, env);
  if (code === 0) return;
  const end = code === null ? `was killed by ${signal}` : `failed with exit status ${code}`;
  const program = argv[1] === '-m' ? argv[2] : argv[0];
  throw new StagingError('CompileFailed', `${program} ${end}: see the staging log`);
};

/** A file or directory name as one shell word. */
export const shellWord = (text: string): string =>
  /^[\w./-]+$/.test(text) && !text.startsWith('-') ? text : `'./${text.replaceAll("'", String.raw`'\''`)}'`;
