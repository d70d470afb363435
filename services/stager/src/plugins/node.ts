import { z } from 'zod';
import type { AppFiles } from '../container/app-files.ts';
import { StagingError } from '../domain/staging-error.ts';
import type { CompileContext, Compiled, Plugin } from './plugin.ts';
import { mustRun } from './support.ts';

const ENTRY_FILES = ['server.js', 'app.js', 'index.js', 'main.js'];

const manifestSchema = z.looseObject({
  scripts: z.looseObject({ start: z.string().optional() }).optional(),
  dependencies: z.record(z.string(), z.string()).optional(),
  optionalDependencies: z.record(z.string(), z.string()).optional(),
});

/** Node.js: npm installs what package.json asks for; `scripts.start` or a well-known file starts. */
export const nodePlugin: Plugin = {
  name: 'node',
  detect: async (files) =>
    (await files.has('package.json')) || (await files.top()).some((name) => name.endsWith('.js')),
  compile: async (context): Promise<Compiled> => {
    const manifest = await readManifest(context.files);
    const startCommand = context.command ?? (await findStart(context.files, manifest));
    await install(context, manifest);
    return { startCommand, description: 'Node.js' };
  },
};

type Manifest = z.infer<typeof manifestSchema>;

const readManifest = async (files: AppFiles): Promise<Manifest> => {
  const text = await files.text('package.json');
  if (text === undefined) return {};
  try {
    return manifestSchema.parse(JSON.parse(text.replace(/^\uFEFF/, '')));
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    throw new StagingError('CompileFailed', `package.json cannot be used: ${reason}`, { cause: error });
  }
};

const findStart = async (files: AppFiles, manifest: Manifest): Promise<string> => {
  const script = manifest.scripts?.start?.trim();
  if (script)
    return /^node\s/.test(script) ? script : `export PATH="$PWD/node_modules/.bin:$PATH"; ${script}`;
  for (const name of ENTRY_FILES) if (await files.has(name)) return `node ${name}`;
  throw new StagingError(
    'NoAppDetectedError',
    `no package.json scripts.start and none of ${ENTRY_FILES.join(', ')} at the top of the application`,
  );
};

const install = async (context: CompileContext, manifest: Manifest): Promise<void> => {
  const wanted = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies }).length;
  if (wanted === 0) {
    context.say('No dependencies to install');
    return;
  }
  if (!(await context.which('npm'))) {
    throw new StagingError('CompileFailed', 'package.json has dependencies, but this stager has no npm');
  }
  const { files } = context;
  const lock = (await files.text('npm-shrinkwrap.json')) ?? (await files.text('package-lock.json'));
  if (lock === undefined)
    context.say('There is no package-lock.json: versions may differ from one staging to the next');
  await mustRun(
    context,
    ['npm', lock === undefined ? 'install' : 'ci', '--omit=dev', '--no-audit', '--no-fund'],
    {
      npm_config_cache: await context.cache('npm', lock),
      npm_config_update_notifier: 'false',
      npm_config_prefer_offline: 'true',
      npm_config_loglevel: 'warn',
      // A registry that stumbles is asked again soon and often: npm's own pauses are 10 s and a minute.
      npm_config_fetch_retries: '6',
      npm_config_fetch_retry_mintimeout: '500',
      npm_config_fetch_retry_maxtimeout: '8000',
      npm_config_fetch_timeout: '30000',
    },
  );
};
