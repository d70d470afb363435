import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Compiled, Plugin } from './plugin.ts';
import { hasFile } from './support.ts';

const SERVER = fileURLToPath(new URL('../../assets/static-server.mjs', import.meta.url));

/** Files served as they are, by a small server that travels in the droplet. */
export const staticPlugin: Plugin = {
  name: 'static',
  detect: (app) => hasFile(app, 'index.html'),
  compile: async (context): Promise<Compiled> => {
    if (!(await hasFile(context.app, 'index.html'))) {
      context.say('There is no index.html at the top: / will answer 404');
    }
    await copyFile(SERVER, join(context.staged, 'static-server.mjs'));
    return { startCommand: context.command ?? 'node ../static-server.mjs', description: 'Static files' };
  },
};
