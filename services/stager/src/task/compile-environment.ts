import type { TaskContainer } from '../container/task-container.ts';
import { SCRATCH } from './workspace.ts';

const RESERVED = /^(PATH|HOME|TMPDIR|USER|SHELL|IFS|BASH_ENV|ENV|LD_.*)$/;

/** npm trusts the certificates that the machine trusts, those of a company's proxy among them; Node alone asks for it. */
export const TRUST_OF_THE_MACHINE = { NODE_USE_SYSTEM_CA: '1' } as const;

/** Values of the stager's own variables that compile commands see. */
export const passedOn = (own: NodeJS.ProcessEnv, names: readonly string[]): Record<string, string> => {
  const passed: Record<string, string> = {};
  for (const name of names) {
    const value = own[name];
    if (value !== undefined) passed[name] = value;
  }
  return passed;
};

/**
 * The whole environment of compile commands: the app's own variables, those passed on of the stager, and a home of the
 * task's. The app cannot replace PATH, HOME and what steers loaders and shells.
 */
export const compileEnvironment = (
  container: Pick<TaskContainer, 'path'>,
  app: Readonly<Record<string, string>>,
  passed: Readonly<Record<string, string>>,
  path: string,
): Record<string, string> => {
  const environment: Record<string, string> = { ...TRUST_OF_THE_MACHINE };
  for (const [name, value] of Object.entries(app)) if (!RESERVED.test(name)) environment[name] = value;
  return {
    ...environment,
    ...passed,
    PATH: path,
    HOME: container.path(SCRATCH.home),
    TMPDIR: container.path(SCRATCH.tmp),
  };
};
