import { access, constants, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Workspace } from './workspace.ts';

const RESERVED = /^(PATH|HOME|TMPDIR|USER|SHELL|IFS|BASH_ENV|ENV|LD_.*)$/;

/** npm trusts the certificates that the machine trusts, those of a company's proxy among them; Node alone asks for it. */
export const TRUST_OF_THE_MACHINE = { NODE_USE_SYSTEM_CA: '1' } as const;

/** The PATH of compile commands: the stager's own. */
export const compilePath = (own: NodeJS.ProcessEnv): string => own['PATH'] ?? '/usr/local/bin:/usr/bin:/bin';

/**
 * The whole environment of compile commands: the app's own variables, the named ones of the stager,
 * and a home in the workspace. The app cannot replace PATH, HOME and what steers loaders and shells.
 */
export const compileEnvironment = (
  workspace: Workspace,
  app: Readonly<Record<string, string>>,
  own: NodeJS.ProcessEnv,
  passed: readonly string[],
): Record<string, string> => {
  const environment: Record<string, string> = { ...TRUST_OF_THE_MACHINE };
  for (const [name, value] of Object.entries(app)) if (!RESERVED.test(name)) environment[name] = value;
  for (const name of passed) {
    const value = own[name];
    if (value !== undefined) environment[name] = value;
  }
  return {
    ...environment,
    PATH: compilePath(own),
    HOME: workspace.home,
    TMPDIR: join(workspace.staged, 'tmp'),
  };
};

/** The first executable of this name on `path`. */
export const findProgram = async (path: string, program: string): Promise<string | undefined> => {
  for (const dir of path.split(':')) {
    const candidate = join(dir || '.', program);
    try {
      await access(candidate, constants.X_OK);
      if ((await stat(candidate)).isFile()) return candidate;
    } catch {
      // Not in this directory.
    }
  }
  return undefined;
};
