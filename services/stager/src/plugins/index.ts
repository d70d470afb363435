import { StagingError } from '../domain/staging-error.ts';
import { nodePlugin } from './node.ts';
import type { AppFiles } from '../container/app-files.ts';
import type { Plugin } from './plugin.ts';
import { rackPlugin } from './rack.ts';
import { sinatraPlugin } from './sinatra.ts';
import { standalonePlugin } from './standalone.ts';
import { staticPlugin } from './static.ts';
import { wsgiPlugin } from './wsgi.ts';

/** All frameworks, in the order in which they are asked when the app names none. */
export const plugins: readonly Plugin[] = [
  rackPlugin,
  sinatraPlugin,
  nodePlugin,
  wsgiPlugin,
  staticPlugin,
  standalonePlugin,
];

const known = plugins.map(({ name }) => name).join(', ');

/**
 * The plugin for an app: the named framework, else the first that knows the files, else standalone
 * when there is a start command.
 * @throws StagingError `NoAppDetectedError`
 */
export const choosePlugin = async (
  files: AppFiles,
  framework: string | undefined,
  command: string | undefined,
): Promise<Plugin> => {
  if (framework !== undefined) {
    const named = plugins.find(({ name }) => name === framework);
    if (named) return named;
    throw new StagingError(
      'NoAppDetectedError',
      `the framework ${JSON.stringify(framework)} is not supported: use one of ${known}`,
    );
  }
  for (const plugin of plugins) if (await plugin.detect(files)) return plugin;
  if (command) return standalonePlugin;
  throw new StagingError('NoAppDetectedError', `the files fit no known framework: name one of ${known}`);
};
