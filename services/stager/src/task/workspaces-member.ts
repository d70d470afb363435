import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '@vcap/bus';
import { chooseTaskUser } from './task-user.ts';
import type { TaskUser } from './task-user.ts';
import { makeOwnedDir, sweepWorkspaces } from './workspace.ts';

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
    await mkdir(baseDir, { recursive: true });
    await chmod(baseDir, 0o711);
    await mkdir(cacheDir, { recursive: true });
    this.#user = await chooseTaskUser([baseDir, cacheDir]);
    if (!this.#user && process.getuid?.() === 0) {
      log.warn({
        event: 'compile-as-root',
        reason: 'others may not enter base_dir or cache_dir: compile commands run as root',
      });
    }
    for (const name of ['npm', 'pip', 'bundle']) await makeOwnedDir(this.#user, join(cacheDir, name));
    const removed = await sweepWorkspaces(baseDir);
    if (removed.length > 0) log.info({ event: 'stale-workspaces-removed', count: removed.length });
  }

  async stop(): Promise<void> {}
}
