import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { promisify } from 'node:util';
import type { Logger } from '@vcap/bus';
import type { RuntimeConfig } from '../config.ts';

const run = promisify(execFile);
const BASE_PATH = ['/usr/local/bin', '/usr/bin', '/bin'];

/** A language runtime that is there and has the right version. */
export interface Runtime {
  name: string;
  version: string;
  description: string;
  /** Directory of its program. */
  dir: string;
}

/** Asks every configured runtime for its version (with a minimal environment) and gives those that answer rightly. */
export async function findRuntimes(
  configured: Record<string, RuntimeConfig>,
  log: Logger,
  searchPath: string = process.env['PATH'] ?? '',
): Promise<Runtime[]> {
  const found = await Promise.all(
    Object.entries(configured).map(async ([name, config]) => {
      try {
        return await check(name, config, searchPath);
      } catch (error) {
        log.warn({ event: 'runtime-unavailable', runtime: name, error: (error as Error).message });
        return undefined;
      }
    }),
  );
  return found.filter((runtime) => runtime !== undefined);
}

/** PATH of applications: the runtimes' directories, then the system's. */
export function applicationPath(runtimes: readonly Runtime[]): string {
  return [...new Set([...runtimes.map(({ dir }) => dir), ...BASE_PATH])].join(delimiter);
}

async function check(name: string, config: RuntimeConfig, searchPath: string): Promise<Runtime> {
  const executable = await locate(config.executable, searchPath);
  const { stdout, stderr } = await run(executable, [config.version_flag], {
    env: { PATH: BASE_PATH.join(delimiter), LANG: 'C.UTF-8' },
    timeout: 10_000,
  });
  const output = `${stdout}${stderr}`.trim();
  const match = new RegExp(config.version).exec(output);
  if (match === null) throw new Error(`version ${config.version} expected, it says ${output.slice(0, 100)}`);
  const version = match[1] ?? match[0];
  return { name, version, description: config.description ?? `${name} ${version}`, dir: dirname(executable) };
}

async function locate(executable: string, searchPath: string): Promise<string> {
  if (isAbsolute(executable)) return executable;
  for (const dir of [...searchPath.split(delimiter), ...BASE_PATH]) {
    const path = join(dir, executable);
    if (
      isAbsolute(path) &&
      (await access(path, constants.X_OK).then(
        () => true,
        () => false,
      ))
    )
      return path;
  }
  throw new Error(`${executable} is not in PATH`);
}
