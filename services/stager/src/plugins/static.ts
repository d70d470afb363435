import { assetPath } from './assets.ts';
import type { Compiled, Plugin } from './plugin.ts';

const SERVER = assetPath('static-server.mjs');

/** Files served as they are, by a small server that travels in the droplet. */
export const staticPlugin: Plugin = {
  name: 'static',
  detect: (files) => files.has('index.html'),
  compile: async (context): Promise<Compiled> => {
    if (!(await context.files.has('index.html'))) {
      context.say('There is no index.html at the top: / will answer 404');
    }
    await context.addFile(SERVER, 'static-server.mjs');
    return { startCommand: context.command ?? 'node ../static-server.mjs', description: 'Static files' };
  },
};
