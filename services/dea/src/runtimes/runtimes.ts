import { execFile } from 'node:child_process';
import { access, constants, realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, delimiter, dirname, isAbsolute, join } from 'node:path';
import { promisify } from 'node:util';
import type { Logger } from '@vcap/bus';
import type { RuntimeConfig } from '../config.ts';

const run = promisify(execFile);
/** What every container sees of the host. */
const SYSTEM = ['/usr', '/bin', '/lib'];
const BASE_PATH = ['/usr/local/bin', '/usr/bin', '/bin'];

/** A language runtime that is there and has the right version. */
export interface Runtime {
  name: string;
  version: string;
  description: string;
  /** Directory of its program. */
  dir: string;
  /** Directories outside the system's own that it needs; containers get them read-only. */
  needs: string[];
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
  const description = config.description ?? `${name} ${version}`;
  return { name, version, description, dir: dirname(executable), needs: await needsOf(executable) };
}

/** Where the program and what belongs to it is: `/opt/node-24` for `/opt/node-24/bin/node`. Links are followed. */
async function needsOf(executable: string): Promise<string[]> {
  const places = new Set<string>();
  for (const path of [executable, await realpath(executable)]) {
    const dir = dirname(path);
    const prefix = dirname(dir);
    places.add(basename(dir) === 'bin' && (await isInstallation(prefix)) ? prefix : dir);
  }
  return [...places].filter((dir) => !SYSTEM.some((top) => dir === top || dir.startsWith(`${top}/`)));
}

/** Not somebody's home or the top, of which an application must see no more than the programs. */
async function isInstallation(dir: string): Promise<boolean> {
  if (dir === '/' || dir === homedir() || dirname(dir) === '/home') return false;
  return access(join(dir, 'lib')).then(
    () => true,
    () => false,
  );
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
