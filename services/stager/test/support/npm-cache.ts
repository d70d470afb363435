import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { systemClock } from '@vcap/clock';
import { retry } from '@vcap/clock';
import { pino } from 'pino';
import { samplePath } from '@vcap/samples';
import type { SampleName } from '@vcap/samples';
import { tempDir } from '@vcap/testkit';
import { AppCaches } from '../../src/cache/app-caches.ts';
import { stagerConfigSchema } from '../../src/config.ts';
import { TRUST_OF_THE_MACHINE } from '../../src/task/compile-environment.ts';

const execute = promisify(execFile);

/** Packages of the samples, kept from one run to the next. */
const filledDir = fileURLToPath(new URL('../../node_modules/.cache/stager-test', import.meta.url));

/** Set it in an app's environment: installs come from the cache or fail, and the registry is not asked. */
export const OFFLINE = 'npm_config_offline=true';

/** Gives an app of a stager the packages of all samples, as if it had been staged before. */
export const giveCache = async (cacheDir: string, appId: string): Promise<void> => {
  const bounds = { totalBytes: Infinity, maxAgeMs: Infinity };
  const log = pino({ level: 'silent' });
  const caches = new AppCaches({ dir: cacheDir, ...bounds, clock: systemClock, log });
  await caches.sweep();
  const draft = caches.draft(appId, 'test');
  await execute('tar', ['-c', '-f', draft, '-C', filledDir, './npm']);
  await caches.keep(appId, draft, undefined);
};

/**
 * Sees to it that the packages of these samples are in the cache. The registry is asked only when a lock is new here,
 * and as often and long as it needs: call it where no test's time runs.
 */
export const fillNpmCache = async (names: readonly SampleName[]): Promise<void> => {
  for (const name of names) {
    const lock = join(samplePath(name), 'package-lock.json');
    const digest = createHash('sha1')
      .update(await readFile(lock))
      .digest('hex');
    const filled = join(filledDir, `filled-${digest}`);
    if (await stat(filled).catch(() => undefined)) continue;
    await retry(systemClock, { attempts: 3, delayMs: 2000 }, () => install(name));
    await writeFile(filled, '');
  }
};

const install = async (name: SampleName): Promise<void> => {
  const dir = await tempDir('npm-cache');
  try {
    for (const file of ['package.json', 'package-lock.json']) {
      await copyFile(join(samplePath(name), file), join(dir.path, file));
    }
    await mkdir(filledDir, { recursive: true });
    // The environment of compile commands: the cache is by the registry's address.
    const passed = stagerConfigSchema.shape.compile_env.parse(undefined);
    const own = Object.entries(process.env).filter(([key]) => passed.includes(key));
    const env = {
      ...TRUST_OF_THE_MACHINE,
      ...Object.fromEntries(own),
      PATH: process.env['PATH'],
      HOME: dir.path,
    };
    await execute('npm', ['ci', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund'], {
      cwd: dir.path,
      env: { ...env, npm_config_cache: join(filledDir, 'npm'), npm_config_update_notifier: 'false' },
      timeout: 90_000,
    });
  } finally {
    await dir.remove();
  }
};
