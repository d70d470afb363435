import { StagingError } from '../domain/staging-error.ts';
import type { Compiled, Plugin } from './plugin.ts';

/** Any program: the app brings everything and says how it is started. */
export const standalonePlugin: Plugin = {
  name: 'standalone',
  detect: async () => false,
  compile: async (context): Promise<Compiled> => {
    if (!context.command) {
      throw new StagingError(
        'NoAppDetectedError',
        'a standalone application needs a start command: set "command" in its manifest',
      );
    }
    return { startCommand: context.command, description: 'Standalone' };
  },
};
