import { StagingError } from '../domain/staging-error.ts';
import type { Compiled, Plugin } from './plugin.ts';
import { installGems } from './ruby-gems.ts';
import { hasFile, readText, shellWord, topFiles } from './support.ts';

const REQUIRES_SINATRA = /^\s*require\s*\(?\s*['"]sinatra(\/base)?['"]/m;

/** Ruby apps whose main file requires sinatra and that have no config.ru. */
export const sinatraPlugin: Plugin = {
  name: 'sinatra',
  detect: async (app) => !(await hasFile(app, 'config.ru')) && (await mainFile(app)) !== undefined,
  compile: async (context): Promise<Compiled> => {
    const main = await mainFile(context.app);
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

const mainFile = async (app: string): Promise<string | undefined> => {
  for (const name of await topFiles(app)) {
    if (!name.endsWith('.rb')) continue;
    if (REQUIRES_SINATRA.test((await readText(app, name)) ?? '')) return name;
  }
  return undefined;
};
