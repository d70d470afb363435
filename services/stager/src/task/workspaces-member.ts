import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '@vcap/bus';
import { markModuleBoundary } from '@vcap/component';
import { chooseTaskUser } from './task-user.ts';
import type { TaskUser } from './task-user.ts';
import { makeCacheDir, sweepWorkspaces } from './workspace.ts';

/** Makes the directories ready before the first task and knows which user tasks run as. */
export class Workspaces {
  readonly name = 'workspaces';
  readonly #o: { readonly baseDir: string; readonly cacheDir: string; readonly log: Logger };
  #user: TaskUser | undefined;

  constructor(options: { baseDir: string; cacheDir: string; log: Logger }) {
    this.#o = options;
  }

  /** Undefined: tasks run as the stager's own user. */
  get user(): TaskUser | undefined {
    return this.#user;
  }

  /** Makes the directories and removes what dead stagers left. */
  async start(): Promise<void> {
    const { baseDir, cacheDir, log } = this.#o;
    await markModuleBoundary(baseDir);
    await mkdir(cacheDir, { recursive: true });
    // The stager's own directories may be passed through, whatever its umask; those above are not its to open.
    for (const dir of [baseDir, cacheDir]) await chmod(dir, 0o711);
    const { user, closed } = await chooseTaskUser([baseDir, cacheDir]);
    this.#user = user;
    if (closed !== undefined) {
      const reason = `compile commands run as root, for other users may not enter ${closed}: chmod o+x ${closed}`;
      log.warn({ event: 'compile-as-root', directory: closed, reason });
    }
    for (const name of ['npm', 'pip', 'bundle']) await makeCacheDir(user, join(cacheDir, name));
    const removed = await sweepWorkspaces(baseDir);
    if (removed.length > 0) log.info({ event: 'stale-workspaces-removed', count: removed.length });
  }

  async stop(): Promise<void> {}
}
