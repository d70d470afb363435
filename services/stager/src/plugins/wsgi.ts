import { StagingError } from '../domain/staging-error.ts';
import { assetPath } from './assets.ts';
import type { CompileContext, Compiled, Plugin } from './plugin.ts';
import { mustRun } from './support.ts';

const RUNNER = assetPath('wsgi-runner.py');
const WITH_PACKAGES = 'export PYTHONUNBUFFERED=1 PYTHONPATH="$PWD/../python${PYTHONPATH:+:$PYTHONPATH}";';

/** Python WSGI: `application` in wsgi.py under gunicorn, or a small threaded server where there is none. */
export const wsgiPlugin: Plugin = {
  name: 'wsgi',
  detect: async (files) => (await files.top()).some((name) => name.endsWith('.py')),
  compile: async (context): Promise<Compiled> => {
    if (!context.command && !(await context.files.has('wsgi.py'))) {
      throw new StagingError(
        'NoAppDetectedError',
        'no wsgi.py with an "application" at the top of the application',
      );
    }
    if (!(await context.which('python3'))) {
      throw new StagingError('CompileFailed', 'this stager has no python3');
    }
    await installRequirements(context);
    return {
      startCommand: `${WITH_PACKAGES} ${context.command ?? (await serverCommand(context))}`,
      description: 'Python/WSGI',
    };
  },
};

const serverCommand = async (context: CompileContext): Promise<string> => {
  if (await context.which('gunicorn')) return 'exec gunicorn wsgi:application -b 0.0.0.0:$PORT';
  context.say('There is no gunicorn here: using the small server of the platform');
  await context.addFile(RUNNER, 'wsgi-runner.py');
  return 'exec python3 ../wsgi-runner.py';
};

const installRequirements = async (context: CompileContext): Promise<void> => {
  if (!(await context.files.has('requirements.txt'))) return;
  if ((await context.run(['python3', '-m', 'pip', '--version'])) !== 0) {
    throw new StagingError(
      'CompileFailed',
      'requirements.txt asks for packages, but this stager has no pip: put them into the application',
    );
  }
  await context.makeDir('python');
  const argv = [
    '--disable-pip-version-check',
    '--no-input',
    '--target',
    '../python',
    '-r',
    'requirements.txt',
  ];
  await mustRun(context, ['python3', '-m', 'pip', 'install', ...argv], {
    PIP_CACHE_DIR: await context.cache('pip', undefined),
  });
};
