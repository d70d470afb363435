import { StagingError } from '../domain/staging-error.ts';
import type { Compiled, Plugin } from './plugin.ts';
import { installGems } from './ruby-gems.ts';

/** Ruby apps with a config.ru; rackup takes the web server that it finds. */
export const rackPlugin: Plugin = {
  name: 'rack',
  detect: (files) => files.has('config.ru'),
  compile: async (context): Promise<Compiled> => {
    if (!context.command && !(await context.files.has('config.ru'))) {
      throw new StagingError('NoAppDetectedError', 'no config.ru at the top of the application');
    }
    const bundled = await installGems(context);
    if (!context.command && bundled === '' && !(await context.which('rackup'))) {
      throw new StagingError(
        'CompileFailed',
        'this stager has no rackup: add a Gemfile and Gemfile.lock with rack',
      );
    }
    return {
      startCommand: context.command ?? `${bundled}rackup -E production -o 0.0.0.0 -p $PORT config.ru`,
      description: 'Ruby/Rack',
    };
  },
};
