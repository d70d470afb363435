/** Runs on any Node from 20 on, without dependencies: installs what is missing, then does what was asked. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const pnpm = `${root}.tools/node_modules/.bin/pnpm`;
/** Debian package to the command it is there for: servers of the tests, runtimes of the sample applications. */
const commands = {
  'nats-server': 'nats-server',
  'redis-server': 'redis-server',
  'mariadb-server': 'mariadbd',
  python3: 'python3',
  gunicorn: 'gunicorn',
  ruby: 'ruby',
  'ruby-rack': 'rackup',
  'ruby-sinatra': 'ruby',
  'ruby-webrick': 'ruby',
};
const path = `${root}node_modules/.bin:${root}.tools/node_modules/.bin:${process.env.PATH}:/usr/sbin`;
const env = { ...process.env, PATH: path, TURBO_TELEMETRY_DISABLED: '1', DEBIAN_FRONTEND: 'noninteractive' };

function run(command, args) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env });
  if (status !== 0) {
    console.error(`${command} ${args.join(' ')} failed`);
    process.exit(status ?? 1);
  }
}
const has = (name) => path.split(':').some((dir) => existsSync(`${dir}/${name}`));

/** On Debian as root by package; elsewhere only the commands are looked for, and what lacks is said. */
function installServers() {
  const debian = has('apt-get') && process.getuid() === 0;
  const here = debian
    ? (name) => spawnSync('dpkg-query', ['-W', '-f=${Status}', name]).stdout.toString().endsWith(' installed')
    : (name) => has(commands[name] ?? name);
  const missing = Object.keys(commands).filter((name) => !here(name));
  if (missing.length === 0) return;
  if (!debian) {
    const names = missing.map((name) => commands[name]);
    console.error(
      `Missing: ${names.join(', ')}. Install them; the Debian packages are: ${missing.join(' ')}`,
    );
    process.exit(1);
  }
  run('apt-get', ['update', '-q']);
  run('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...missing]);
}

if (!existsSync(pnpm))
  run('npm', ['install', '--prefix', '.tools', '--no-audit', '--no-fund', 'pnpm@12.21.0']);
installServers();
run(pnpm, ['install', '--frozen-lockfile']);
if (process.argv[2] === 'test') {
  run(pnpm, ['exec', 'prettier', '--check', '.']);
  for (const script of ['messages-doc', 'nats-conf'])
    run(pnpm, ['exec', 'node', '--conditions=source', `packages/bus/src/${script}.ts`, '--check']);
  run(pnpm, ['exec', 'turbo', 'run', 'lint', 'typecheck']);
  // One suite at a time: they start servers and whole clusters, and a busy machine makes them wait.
  run(pnpm, ['exec', 'turbo', 'run', 'test', '--concurrency=1']);
} else {
  run(pnpm, ['exec', 'turbo', 'run', 'build', '--output-logs=errors-only']);
  // Ctrl-C reaches what is started too: a cluster stops its parts in order while we wait for it.
  for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, () => undefined);
  const node = existsSync(`${root}node_modules/.bin/node`)
    ? `${root}node_modules/.bin/node`
    : process.execPath;
  const program =
    process.argv[2] === 'bench'
      ? ['--conditions=source', 'packages/e2e/bench/main.ts']
      : ['packages/local/dist/main.js'];
  const child = spawn(node, [...program, ...process.argv.slice(3)], {
    cwd: root,
    stdio: 'inherit',
    env,
  });
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('exit', (code) => process.exit(code ?? 1));
}
