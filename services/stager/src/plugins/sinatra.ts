import type { AppFiles } from '../container/app-files.ts';
import { StagingError } from '../domain/staging-error.ts';
import type { Compiled, Plugin } from './plugin.ts';
import { installGems } from './ruby-gems.ts';
import { shellWord } from './support.ts';

const REQUIRES_SINATRA = /^\s*require\s*\(?\s*['"]sinatra(\/base)?['"]/m;

/** Ruby apps whose main file requires sinatra and that have no config.ru. */
export const sinatraPlugin: Plugin = {
  name: 'sinatra',
  detect: async (files) => !(await files.has('config.ru')) && (await mainFile(files)) !== undefined,
  compile: async (context): Promise<Compiled> => {
    const main = await mainFile(context.files);
    if (!context.command && main === undefined) {
      throw new StagingError(
        'NoAppDetectedError',
        'no .rb file at the top of the application requires sinatra',
      );
    }
    const bundled = await installGems(context);
    return {
      startCommand:
        context.command ?? `${bundled}ruby ${shellWord(main ?? '')} -p $PORT -o 0.0.0.0 -e production`,
      description: 'Ruby/Sinatra',
    };
  },
};

const mainFile = async (files: AppFiles): Promise<string | undefined> => {
  for (const name of await files.top()) {
    if (!name.endsWith('.rb')) continue;
    if (REQUIRES_SINATRA.test((await files.text(name)) ?? '')) return name;
  }
  return undefined;
};
