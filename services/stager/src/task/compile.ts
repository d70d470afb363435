import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { TaskCache } from '../cache/task-cache.ts';
import { AppFiles } from '../container/app-files.ts';
import type { TaskContainer } from '../container/task-container.ts';
import type { TaskRequest } from '../domain/task-request.ts';
import { choosePlugin } from '../plugins/index.ts';
import type { CompileContext, Compiled } from '../plugins/plugin.ts';
import { procfileCommand } from '../plugins/procfile.ts';
import type { Workspace } from './workspace.ts';

/** An app that can be started, and the names at the container's top that belong to its droplet. */
export interface Staged extends Compiled {
  readonly names: readonly string[];
}

/** Lets the app's plugin make it startable. @throws StagingError in words for the user */
export const compile = async (
  request: TaskRequest,
  workspace: Workspace,
  container: TaskContainer,
  cache: TaskCache,
  say: (line: string) => void,
): Promise<Staged> => {
  const files = new AppFiles(join(workspace.top, 'app'));
  const command = request.command ?? (await procfileCommand(files));
  const plugin = await choosePlugin(files, request.framework, command);
  say(`Framework: ${plugin.name}`);
  const names = ['app'];
  const addFile = async (path: string, name: string): Promise<void> => {
    await container.copyIn(path, name);
    names.push(name);
  };
  const context: CompileContext = {
    files,
    command,
    say,
    addFile,
    path: (name) => container.path(name),
    cache: (tool, lock) => cache.dir(tool, lock),
    run: (argv, env = {}) => container.run(argv, { env }),
    which: async (program) => {
      // `sh` looks where the commands themselves will.
      const argv = ['sh', '-c', 'command -v -- "$1"', 'which', program] as const;
      return (await container.run(argv, { onLine: () => undefined })) === 0;
    },
    makeDir: async (name) => addFile(await mkdtemp(join(workspace.root, 'empty-')), name),
  };
  return { ...(await plugin.compile(context)), names };
};
