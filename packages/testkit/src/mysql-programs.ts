import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findBinary } from './find-binary.ts';

const run = promisify(execFile);

/** The programs of a real MySQL (8 or later). */
export interface MysqlPrograms {
  mysqld: string;
  mysql: string;
  mysqldump: string;
  /** Arguments the daemon needs to find its own files. */
  daemonArgs: string[];
}

/** Where a fetched MySQL stays from one run to the next; servers run as nobody, so not in root's home. */
const cacheDir =
  process.env['VCAP_MYSQL_DIR'] ??
  (process.getuid?.() === 0 ? '/var/cache/vcap-mysql' : join(homedir(), '.cache', 'vcap-mysql'));
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const PROGRAMS = { mysqld: 'usr/sbin/mysqld', mysql: 'usr/bin/mysql', mysqldump: 'usr/bin/mysqldump' };

/**
 * The machine's own MySQL, or one fetched from Debian's unstable suite (the only one that has it) into a folder of its
 * own together with the libc it needs: 65 MB, 400 MB unpacked, a few seconds. The machine's packages are not touched.
 * Gives the reason when neither is possible.
 */
export async function mysqlPrograms(): Promise<MysqlPrograms | { missing: string }> {
  const own = await installed();
  if (own) return own;
  try {
    if (!existsSync(join(cacheDir, 'bin', 'mysqld'))) await fetchTree();
  } catch (error) {
    return { missing: `MySQL is not installed and was not fetched: ${(error as Error).message}` };
  }
  const share = join(cacheDir, 'usr/share/mysql');
  return {
    mysqld: join(cacheDir, 'bin', 'mysqld'),
    mysql: join(cacheDir, 'bin', 'mysql'),
    mysqldump: join(cacheDir, 'bin', 'mysqldump'),
    daemonArgs: [
      `--basedir=${join(cacheDir, 'usr')}`,
      `--lc-messages-dir=${share}`,
      `--character-sets-dir=${join(share, 'charsets')}`,
      `--plugin-dir=${join(cacheDir, 'usr/lib/mysql/plugin')}`,
    ],
  };
}

async function installed(): Promise<MysqlPrograms | undefined> {
  try {
    const mysqld = findBinary('mysqld', 'mysql-server');
    const { stdout } = await run(mysqld, ['--no-defaults', '--version']);
    if (/MariaDB/i.test(stdout) || !/Ver (8|9|\d\d)\./.test(stdout)) return undefined;
    const mysql = findBinary('mysql', 'mysql-client');
    return { mysqld, mysql, mysqldump: findBinary('mysqldump', 'mysql-client'), daemonArgs: [] };
  } catch {
    return undefined;
  }
}

/** Unpacks beside and renames, so that two test runs at once do not see half a tree. */
async function fetchTree(): Promise<void> {
  await mkdir(join(cacheDir, '..'), { recursive: true });
  const work = await mkdtemp(`${cacheDir}-`);
  try {
    const archives = await download(work);
    const tree = join(work, 'tree');
    await mkdir(join(tree, 'bin'), { recursive: true });
    for (const file of archives) await run('dpkg-deb', ['-x', file, tree]);
    for (const [name, path] of Object.entries(PROGRAMS)) await wrap(tree, name, path);
    await chmod(tree, 0o755);
    await rename(tree, cacheDir).catch((error: unknown) => {
      if (!existsSync(join(cacheDir, 'bin', 'mysqld'))) throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** A program that starts with the tree's own loader and libraries. */
async function wrap(tree: string, name: string, path: string): Promise<void> {
  const loaders = (await readdir(join(tree, 'usr/lib'), { recursive: true })).filter((file) =>
    /\/ld-linux[^/]*\.so\.\d$/.test(file),
  );
  const loader = join(cacheDir, 'usr/lib', loaders[0] ?? 'no-loader');
  const line = `exec ${loader} --library-path ${join(loader, '..')} ${join(cacheDir, path)} "$@"`;
  await writeFile(join(tree, 'bin', name), `#!/bin/sh\n${line}\n`, { mode: 0o755 });
}

/** The packages with all they depend on, by an apt-get whose sources, lists and state are its own. */
async function download(work: string): Promise<string[]> {
  const [sources, status] = [join(work, 'sources.list'), join(work, 'status')];
  await writeFile(sources, `deb [signed-by=${KEYRING}] ${await debianMirror()} sid main\n`);
  await writeFile(status, '');
  const options = [
    `Dir::Etc::sourcelist=${sources}`,
    'Dir::Etc::sourceparts=/dev/null',
    'Dir::Etc::preferences=/dev/null',
    'Dir::Etc::preferencesparts=/dev/null',
    `Dir::State=${work}`,
    `Dir::State::status=${status}`,
    `Dir::Cache=${work}`,
    'Debug::NoLocking=1',
    ...(process.getuid?.() === 0 ? ['APT::Sandbox::User=root'] : []),
  ].flatMap((option) => ['-o', option]);
  const limit = { timeout: 300_000, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  await run('apt-get', [...options, '-q', 'update'], limit);
  const packages = ['mysql-server-core', 'mysql-client-core'];
  await run(
    'apt-get',
    [...options, '-qy', '--no-install-recommends', '--download-only', 'install', ...packages],
    limit,
  );
  const dir = join(work, 'archives');
  return (await readdir(dir)).filter((name) => name.endsWith('.deb')).map((name) => join(dir, name));
}

/** Whatever mirror the machine's own apt uses. */
async function debianMirror(): Promise<string> {
  const { stdout } = await run('apt-get', [
    'indextargets',
    '--format',
    '$(REPO_URI) $(COMPONENT)',
    'Created-By: Packages',
    'Origin: Debian',
  ]);
  const uris = stdout
    .split('\n')
    .flatMap((line) => (line.endsWith(' main') ? [line.split(' ')[0] ?? ''] : []));
  const mirror = uris.find((uri) => !/security/.test(uri));
  if (!mirror) throw new Error('apt names no Debian mirror');
  return mirror;
}
