import { join } from 'node:path';
import { z } from 'zod';
import { StagingError } from '../domain/staging-error.ts';
import type { CompileContext, Compiled, Plugin } from './plugin.ts';
import { hasFile, mustRun, readText, topFiles } from './support.ts';

const ENTRY_FILES = ['server.js', 'app.js', 'index.js', 'main.js'];

const manifestSchema = z.looseObject({
  scripts: z.looseObject({ start: z.string().optional() }).optional(),
  dependencies: z.record(z.string(), z.string()).optional(),
  optionalDependencies: z.record(z.string(), z.string()).optional(),
});

/** Node.js: npm installs what package.json asks for; `scripts.start` or a well-known file starts. */
export const nodePlugin: Plugin = {
  name: 'node',
  detect: async (app) =>
    (await hasFile(app, 'package.json')) || (await topFiles(app)).some((name) => name.endsWith('.js')),
  compile: async (context): Promise<Compiled> => {
    const manifest = await readManifest(context.app);
    const startCommand = context.command ?? (await findStart(context.app, manifest));
    await install(context, manifest);
    return { startCommand, description: 'Node.js' };
  },
};

type Manifest = z.infer<typeof manifestSchema>;

const readManifest = async (app: string): Promise<Manifest> => {
  const text = await readText(app, 'package.json');
  if (text === undefined) return {};
  try {
    return manifestSchema.parse(JSON.parse(text.replace(/^\uFEFF/, '')));
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    throw new StagingError('CompileFailed', `package.json cannot be used: ${reason}`, { cause: error });
  }
};

const findStart = async (app: string, manifest: Manifest): Promise<string> => {
  const script = manifest.scripts?.start?.trim();
  if (script)
    return /^node\s/.test(script) ? script : `export PATH="$PWD/node_modules/.bin:$PATH"; ${script}`;
  for (const name of ENTRY_FILES) if (await hasFile(app, name)) return `node ${name}`;
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
  const locked =
    (await hasFile(context.app, 'package-lock.json')) || (await hasFile(context.app, 'npm-shrinkwrap.json'));
  if (!locked) context.say('There is no package-lock.json: versions may differ from one staging to the next');
  await mustRun(context, ['npm', locked ? 'ci' : 'install', '--omit=dev', '--no-audit', '--no-fund'], {
    npm_config_cache: join(context.cacheDir, 'npm'),
    npm_config_update_notifier: 'false',
    npm_config_prefer_offline: 'true',
    npm_config_loglevel: 'warn',
    // A registry that stumbles is asked again soon and often: npm's own pauses are 10 s and a minute.
    npm_config_fetch_retries: '6',
    npm_config_fetch_retry_mintimeout: '500',
    npm_config_fetch_retry_maxtimeout: '8000',
    npm_config_fetch_timeout: '30000',
  });
};
