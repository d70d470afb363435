import { StagingError } from '../domain/staging-error.ts';
import type { CompileContext } from './plugin.ts';
import { mustRun } from './support.ts';

/**
 * Installs the gems of Gemfile.lock into the app.
 * @returns the prefix for start commands: `bundle exec ` when gems were installed
 */
export const installGems = async (context: CompileContext): Promise<'' | 'bundle exec '> => {
  if (!(await context.which('ruby'))) throw new StagingError('CompileFailed', 'this stager has no ruby');
  const lock = await context.files.text('Gemfile.lock');
  if (lock === undefined) return '';
  if (!(await context.which('bundle'))) {
    throw new StagingError('CompileFailed', 'Gemfile.lock asks for gems, but this stager has no bundler');
  }
  const env = {
    BUNDLE_APP_CONFIG: context.path('app/.bundle'),
    BUNDLE_PATH: 'vendor/bundle',
    BUNDLE_USER_CACHE: await context.cache('bundle', lock),
  };
  // Written into the app's own settings, so that `bundle exec` finds the gems where it runs.
  for (const setting of [
    ['path', 'vendor/bundle'],
    ['without', 'development:test'],
    ['deployment', 'true'],
  ] as const) {
    await mustRun(context, ['bundle', 'config', 'set', '--local', ...setting], env);
  }
  await mustRun(context, ['bundle', 'install', '--jobs', '2'], env);
  return 'bundle exec ';
};
