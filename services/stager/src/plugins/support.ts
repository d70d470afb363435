import { StagingError } from '../domain/staging-error.ts';
import type { CompileContext } from './plugin.ts';

/** Runs a program that must succeed. @throws StagingError `CompileFailed` naming the program */
export const mustRun = async (
  context: CompileContext,
  argv: readonly [string, ...string[]],
  env?: Readonly<Record<string, string>>,
): Promise<void> => {
  context.say(`$ ${argv.join(' ')}`);
  const status = await context.run(argv, env);
  if (status === 0) return;
  const program = argv[1] === '-m' ? argv[2] : argv[0];
  throw new StagingError(
    'CompileFailed',
    `${program} failed with exit status ${status}: see the staging log`,
  );
};

/** A file or directory name as one shell word. */
export const shellWord = (text: string): string =>
  /^[\w./-]+$/.test(text) && !text.startsWith('-') ? text : `'./${text.replaceAll("'", String.raw`'\''`)}'`;
