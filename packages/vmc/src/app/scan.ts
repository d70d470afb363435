import { lstat, readFile, readdir, readlink, realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import ignore from 'ignore';
import { VmcError } from '../errors.ts';

/** One thing to push; `path` is relative to the root, with `/` between its parts. */
export type TreeEntry =
  | { kind: 'file'; path: string; size: number; mode: number; mtime: Date }
  | { kind: 'directory'; path: string }
  | { kind: 'link'; path: string; target: string };

const alwaysOut = ['.git', '.hg', '.svn', '.DS_Store'];
/** Left out unless an ignore file takes them back in (`!keep.log`). */
const usuallyOut = ['*~', '\\#*\\#', '*.log'];

/**
 * Everything below `root` that is to be pushed. Reads `.vmcignore` and `.cfignore` at its top (patterns
 * as in .gitignore). For the framework `node`, `node_modules` is left out where a package-lock.json lets
 * the stager make it anew. Sockets and pipes are passed over. A link out of the tree is an error.
 */
export async function scanTree(root: string, o: { framework?: string } = {}): Promise<TreeEntry[]> {
  const rules = ignore().add(usuallyOut);
  for (const name of ['.vmcignore', '.cfignore']) rules.add(await readOptional(join(root, name)));
  if (o.framework === 'node' && (await exists(join(root, 'package-lock.json')))) rules.add('/node_modules');
  rules.add(alwaysOut);
  const realRoot = await realpath(root);
  const found: TreeEntry[] = [];

  const walk = async (directory: string): Promise<void> => {
    const entries = await readdir(join(root, directory), { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = directory === '' ? entry.name : `${directory}/${entry.name}`;
      const isDirectory = entry.isDirectory();
      if (rules.ignores(isDirectory ? `${path}/` : path)) continue;
      if (path.includes('\\'))
        throw new VmcError(`'${path}' has a backslash in its name and cannot be pushed`);
      if (isDirectory) {
        found.push({ kind: 'directory', path });
        await walk(path);
      } else if (entry.isSymbolicLink()) {
        found.push({ kind: 'link', path, target: await insideTarget(realRoot, path) });
      } else if (entry.isFile()) {
        const { size, mode, mtime } = await lstat(join(root, path));
        found.push({ kind: 'file', path, size, mode: mode & 0o777, mtime });
      }
    }
  };
  await walk('');
  return found;
}

/** The target of a link as it is stored: relative, and proven to stay inside the tree. */
async function insideTarget(realRoot: string, path: string): Promise<string> {
  const link = join(realRoot, path);
  const raw = await readlink(link);
  const base = await realpath(dirname(link));
  const absolute = resolve(base, raw);
  const real = await realpath(link).catch(() => absolute);
  if (!isInside(realRoot, absolute) || !isInside(realRoot, real))
    throw new VmcError(`The link '${path}' points to '${raw}', outside the folder that is pushed`, {
      hint: 'Replace it with a copy, or name it in .vmcignore.',
    });
  return isAbsolute(raw) ? relative(base, absolute) || '.' : raw;
}

function isInside(root: string, path: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep);
}

async function readOptional(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
}

async function exists(file: string): Promise<boolean> {
  return lstat(file).then(
    () => true,
    () => false,
  );
}
