import { access, constants, realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, delimiter, dirname, isAbsolute, join } from 'node:path';

/** What every container sees of the host. */
const USERLAND = ['/usr', '/bin', '/sbin', '/lib', '/opt'];
const BASE_PATH = ['/usr/local/bin', '/usr/bin', '/bin'];
const PROGRAMS = ['node', 'npm', 'python3', 'gunicorn', 'ruby', 'bundle', 'rackup'];

/** What commands in a container find their programs by. */
export interface Toolchain {
  /** PATH of commands. */
  readonly path: string;
  /** Directories beside the userland that they need to see. */
  readonly readOnlyPaths: readonly string[];
}

const inUserland = (dir: string): boolean => USERLAND.some((top) => dir === top || dir.startsWith(`${top}/`));

/** Every program of the stager's own PATH: for containers that see the whole host. */
export const wholeHost = (searchPath: string): Toolchain => ({
  path: searchPath === '' ? BASE_PATH.join(delimiter) : searchPath,
  readOnlyPaths: [],
});

/**
 * The directories of `searchPath` that a container sees anyway, and the installations outside of them (`/x/node-24` for
 * `/x/node-24/bin`) that hold a program we call, `node` being the one that the stager itself runs on. What is no
 * installation, as a home's `bin` or a directory of shims, stays unseen.
 */
export const findToolchain = async (
  searchPath: string,
  node: string = process.execPath,
): Promise<Toolchain> => {
  const outside = new Set<string>();
  const path: string[] = [];
  const dirs = [
    dirname(await realpath(node)),
    ...searchPath.split(delimiter).filter((dir) => isAbsolute(dir)),
  ];
  for (const dir of new Set([...dirs, ...BASE_PATH])) {
    if (inUserland(dir)) {
      path.push(dir);
      continue;
    }
    const homes = await installationsOf(dir);
    if (homes.length === 0) continue;
    path.push(dir);
    for (const home of homes) outside.add(home);
  }
  return { path: path.join(delimiter), readOnlyPaths: [...outside] };
};

/** What is to be seen for the programs in `dir` to run: nothing when there are none, or when it is no installation. */
const installationsOf = async (dir: string): Promise<string[]> => {
  const homes = new Set<string>();
  for (const program of PROGRAMS) {
    const file = join(dir, program);
    const real = await realpath(file).catch(() => undefined);
    if (real === undefined || !(await isThere(file, constants.X_OK))) continue;
    for (const place of [dir, dirname(real)]) {
      if (inUserland(place)) continue;
      const home = await installation(place, real);
      if (home === undefined) return [];
      homes.add(home);
    }
  }
  return [...homes];
};

/** The installation that a directory of programs belongs to; the directory itself when it holds the program alone. */
const installation = async (dir: string, real: string): Promise<string | undefined> => {
  const prefix = dirname(dir);
  const private_ =
    [homedir(), join(homedir(), '.local'), '/'].includes(prefix) || dirname(prefix) === '/home';
  if (basename(dir) === 'bin' && !private_ && (await isThere(join(prefix, 'lib')))) return prefix;
  return real === (await realpath(process.execPath)) && dirname(real) === dir ? dir : undefined;
};

const isThere = (path: string, mode?: number): Promise<boolean> =>
  access(path, mode).then(
    () => true,
    () => false,
  );
