/** Runs on any Node from 20 on, without dependencies: installs what is missing, then does what was asked. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { wrapServers } from './docker-servers.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const pnpm = `${root}.tools/node_modules/.bin/pnpm`;
/** Debian package to the command it is there for: servers that the cluster and the tests start. */
const servers = {
  'nats-server': 'nats-server',
  'redis-server': 'redis-server',
  'mariadb-server': 'mariadbd',
};
/** What applications are contained with, and the runtimes of the sample applications. The cluster starts without them. */
const extras = {
  runc: 'runc',
  nftables: 'nft',
  tini: 'tini-static',
  iproute2: 'ip',
  e2fsprogs: 'mkfs.ext4',
  python3: 'python3',
  gunicorn: 'gunicorn',
  ruby: 'ruby',
  'ruby-rack': 'rackup',
  'ruby-sinatra': 'ruby',
  'ruby-webrick': 'ruby',
  'nginx-light': 'nginx',
  'libnginx-mod-http-lua': 'nginx',
  'lua-cjson': 'nginx',
};
/** An object store that speaks S3, and what makes certificates: for tests only. They say so where they go without. */
const testServers = {
  openssl: 'openssl',
  'swift-proxy': 'swift-proxy-server',
  'swift-account': 'swift-account-server',
  'swift-container': 'swift-container-server',
  'swift-object': 'swift-object-server',
};
const testing = process.argv[2] === 'test';
/** Commands that stand in for missing servers: last, so that one that is installed later is used. */
const standIns = `${root}.tools/bin`;
const path = `${root}node_modules/.bin:${root}.tools/node_modules/.bin:${process.env.PATH}:/usr/sbin:/sbin:${standIns}`;
const env = { ...process.env, PATH: path, TURBO_TELEMETRY_DISABLED: '1', DEBIAN_FRONTEND: 'noninteractive' };

const status = (command, args) => spawnSync(command, args, { cwd: root, stdio: 'inherit', env }).status ?? 1;
function run(command, args) {
  const code = status(command, args);
  if (code === 0) return;
  console.error(`${command} ${args.join(' ')} failed`);
  process.exit(code);
}
const has = (name) => path.split(':').some((dir) => existsSync(`${dir}/${name}`));

/** On Debian as root by package; elsewhere what is not on PATH is run in Docker, and what lacks is said. */
function installServers() {
  const debian = has('apt-get') && process.getuid() === 0;
  if (!debian) return nameMissing();
  const wanted = Object.keys({ ...servers, ...extras, ...(testing && testServers) });
  const installed = (name) =>
    spawnSync('dpkg-query', ['-W', '-f=${Status}', name]).stdout.toString().endsWith(' installed');
  const missing = wanted.filter((name) => !installed(name));
  if (missing.length === 0) return;
  run('apt-get', ['update', '-q']);
  const unwanted = {
    ...(missing.includes('nginx-light') && { nginx: ['nginx'] }),
    ...(missing.includes('swift-proxy') && { 'swift*': swiftUnits() }),
  };
  const undo = withoutServices(unwanted);
  const code = status('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...missing]);
  undo();
  if (code !== 0) process.exit(code);
}

/** Of every kind of server the one that answers, and those that look after what is stored. */
function swiftUnits() {
  const kinds = {
    account: ['auditor', 'reaper', 'replicator'],
    container: ['auditor', 'reconciler', 'replicator', 'sharder', 'sync', 'updater'],
    object: ['auditor', 'reconstructor', 'replicator', 'updater'],
  };
  const units = Object.entries(kinds).flatMap(([kind, more]) =>
    ['', ...more.map((name) => `-${name}`)].map((end) => kind + end),
  );
  return ['proxy', ...units].map((name) => `swift-${name}`);
}

/**
 * Debian's nginx would take port 80, now and after every start of the machine, and Swift's servers theirs; only the
 * programs are wanted. By the pattern that invoke-rc.d's policy is to refuse: the units to mask.
 */
function withoutServices(unwanted) {
  const patterns = Object.keys(unwanted);
  if (patterns.length === 0) return () => undefined;
  for (const name of Object.values(unwanted).flat()) {
    const unit = `/etc/systemd/system/${name}.service`;
    if (existsSync('/etc/systemd/system') && !existsSync(unit)) symlinkSync('/dev/null', unit);
  }
  console.error(
    `${patterns.join(' and ')}: programs only, their services are masked (systemctl unmask NAME).`,
  );
  const policy = '/usr/sbin/policy-rc.d';
  if (existsSync(policy)) return () => undefined;
  const text = `#!/bin/sh\ncase $1 in ${patterns.join(' | ')}) exit 101 ;; esac\nexit 0\n`;
  writeFileSync(policy, text, { mode: 0o755 });
  return () => rmSync(policy, { force: true });
}

function nameMissing() {
  const missing = (all) => Object.entries(all).filter(([, command]) => !has(command));
  const list = (some) => some.map(([name, command]) => `${command} (Debian: ${name})`).join(', ');
  const without = missing(extras);
  if (without.length > 0) console.error(`Going on without ${list(without)}.`);
  const needed = missing(servers);
  if (needed.length === 0) return;
  if (
    wrapServers(
      Object.values(servers).filter((command) => !has(command)),
      { dir: standIns, root },
    )
  ) {
    console.error(`Not on PATH, run in Docker: ${list(needed)}.`);
    return;
  }
  console.error(`Missing on PATH, and Docker cannot run them: ${list(needed)}. Install them and try again.`);
  process.exit(1);
}

if (!existsSync(pnpm))
  run('npm', ['install', '--prefix', '.tools', '--no-audit', '--no-fund', 'pnpm@12.21.0']);
installServers();
run(pnpm, ['install', '--frozen-lockfile']);
if (testing) {
  run(pnpm, ['exec', 'prettier', '--check', '.']);
  run(pnpm, ['exec', 'node', 'tools/check-links.mjs']);
  for (const script of ['messages-doc', 'nats-conf'])
    run(pnpm, ['exec', 'node', '--conditions=source', `packages/bus/src/${script}.ts`, '--check']);
  run(pnpm, ['exec', 'turbo', 'run', 'lint', 'typecheck']);
  // One suite at a time: they start servers and whole clusters, and a busy machine makes them wait.
  // Whole clusters are tested in every run, but once where they pass: the second look below finds them in the cache.
  env.VCAP_TEST_RUN = String(Date.now());
  const suites = ['exec', 'turbo', 'run', 'test', '--concurrency=1', '--continue'];
  if (status(pnpm, suites) !== 0) {
    console.error('A suite failed: what failed runs once more (docs/decisions/0008).');
    run(pnpm, suites);
    console.error('UNSTABLE: a suite passed only the second time. Its first failure stands above.');
  }
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
