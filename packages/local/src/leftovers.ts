import { readFileSync, rmSync } from 'node:fs';
import { systemClock } from '@vcap/clock';
import { isAlive } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';
import { writePrivate } from './secrets.ts';

/** Who runs for this cluster, kept in a file so that a killed `npm start` leaves nothing behind for the next. */
export class RunFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  write(owner: ProcessIdentity, children: ProcessIdentity[]): void {
    writePrivate(this.#path, JSON.stringify({ owner, children }));
  }

  remove(): void {
    rmSync(this.#path, { force: true });
  }

  /** Throws when the cluster runs already; ends the parts that a killed one left. Answers their names. */
  async clear(): Promise<string[]> {
    let kept: { owner: ProcessIdentity; children: ProcessIdentity[] };
    try {
      kept = JSON.parse(readFileSync(this.#path, 'utf8')) as typeof kept;
    } catch {
      return [];
    }
    if (isAlive(kept.owner)) {
      throw new Error(
        `this cluster already runs (process ${kept.owner.pid}); stop it with Ctrl-C, or set VCAP_HOME`,
      );
    }
    const left = kept.children.filter(isAlive);
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      for (const each of left.filter(isAlive)) process.kill(each.pid, signal);
      for (let waited = 0; waited < 10_000 && left.some(isAlive); waited += 50) await systemClock.sleep(50);
    }
    return left.map(({ name }) => name);
  }
}
