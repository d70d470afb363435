import { createReadStream } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import type { Trace } from '@vcap/bus';
import { ServiceError, serviceErrors } from '@vcap/service-api';
import type { NodeContext } from './context.ts';
import { loadFrom } from './dumps.ts';
import { never } from './works.ts';

/** Restores an operator's backup: `<path>/<instance><suffix>.gz`, below one of the allowed directories. */
export class Backups {
  readonly #context: NodeContext;

  constructor(context: NodeContext) {
    this.#context = context;
  }

  async restore(name: string, path: string, trace: Trace): Promise<void> {
    const { node, registry, lanes, log } = this.#context;
    const instance = registry.instance(name);
    if (!instance) throw node.instanceNotFound(name);
    const file = await this.#allowed(join(path, `${name}${node.dumpSuffix}.gz`));
    const work = {
      ...this.#context.work('restore', never, trace),
      progress: (text: string) => log.info({ event: 'restore', instance: name, text }),
    };
    await lanes.run(name, () => loadFrom(node, instance, createReadStream(file), work));
  }

  /** Follows links before it looks where the file lies. */
  async #allowed(path: string): Promise<string> {
    const file = await realpath(path).catch(() => undefined);
    if (file === undefined) throw new ServiceError(serviceErrors.notFound, `backup ${path}`);
    for (const each of this.#context.config.backup_dirs) {
      const dir = await realpath(resolve(each)).catch(() => undefined);
      if (dir !== undefined && file.startsWith(dir + sep)) return file;
    }
    throw new ServiceError(serviceErrors.malformed, `${path} is in none of the node's backup_dirs`);
  }
}
