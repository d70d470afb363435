import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { promisify } from 'node:util';
import { findBinary } from './find-binary.ts';
import { freePort } from './free-port.ts';
import { startProcess } from './start-process.ts';
import type { RunningProcess } from './start-process.ts';
import { serverDir, unprivileged } from './unprivileged.ts';

const run = promisify(execFile);
const storage = ['account', 'container', 'object'] as const;
const readyMs = 60_000;

/** An S3-compatible object store of the test's own: OpenStack Swift with its S3 door, which checks every signature. */
export interface S3Server {
  /** http://127.0.0.1:<port>; there is no bucket at first. */
  readonly endpoint: string;
  readonly port: number;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** SIGKILL for what clients talk to, in the middle of whatever it does. What is stored stays. */
  kill(): Promise<void>;
  /** Starts it again at the same port. */
  revive(): Promise<void>;
  /** SIGSTOP: connections stay open and nothing is answered. */
  freeze(): void;
  /** SIGCONT. */
  thaw(): void;
  stop(): Promise<void>;
}

/** Why no such server can be started here, said aloud together with `what` goes untested; undefined when it can. */
export function swiftMissing(what: string): string | undefined {
  try {
    for (const name of [...storage, 'proxy']) findBinary(`swift-${name}-server`, `swift-${name}`);
    return undefined;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    process.stderr.write(`not tested: ${what}: ${why}\n`);
    return why;
  }
}

/** Starts one (about 5 s): a server each for accounts, containers and objects, and the proxy before them. */
export async function startSwift(): Promise<S3Server> {
  const dir = await serverDir('vcap-swift');
  const servers: RunningProcess[] = [];
  const end = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.kill()));
    await dir.remove();
  };
  const start = async (name: string): Promise<RunningProcess> => {
    const server = await startProcess({
      argv: [findBinary(`swift-${name}-server`, `swift-${name}`), `${dir.path}/${name}.conf`, '--verbose'],
      env: { ...process.env, SWIFT_DIR: dir.path, HOME: dir.path },
      ...unprivileged(),
      readyWhen: () => answers(ports[name] ?? 0),
      readyTimeoutMs: readyMs,
    });
    servers.push(server);
    return server;
  };
  const ports: Record<string, number> = {};
  try {
    for (const name of [...storage, 'proxy']) ports[name] = await freePort();
    await configure(dir.path, ports);
    await Promise.all(storage.map(start));
    let proxy = await start('proxy');
    const port = ports['proxy'] ?? 0;
    return {
      endpoint: `http://127.0.0.1:${port}`,
      port,
      region: 'us-east-1',
      accessKeyId: 'test:tester',
      secretAccessKey: 'testing-secret',
      kill: () => proxy.kill(),
      revive: async () => {
        proxy = await start('proxy');
      },
      freeze: () => proxy.signal('SIGSTOP'),
      thaw: () => proxy.signal('SIGCONT'),
      stop: end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

async function configure(dir: string, ports: Record<string, number>): Promise<void> {
  const as = unprivileged();
  await mkdir(`${dir}/devices/d1`, { recursive: true });
  if (as.uid !== undefined) await run('chown', ['-R', `${as.uid}:${as.gid}`, dir]);
  await writeFile(
    `${dir}/swift.conf`,
    '[swift-hash]\nswift_hash_path_suffix = tests\nswift_hash_path_prefix = tests\n',
  );
  const { stdout: user } = await run('id', ['-un', String(as.uid ?? userInfo().uid)]);
  const common = (port: number): string =>
    `[DEFAULT]\nbind_ip = 127.0.0.1\nbind_port = ${port}\nworkers = 0\nuser = ${user.trim()}\nswift_dir = ${dir}\n`;
  for (const name of storage) {
    const port = ports[name] ?? 0;
    const text = `${common(port)}devices = ${dir}/devices
mount_check = false
fallocate_reserve = 0
[pipeline:main]
pipeline = ${name}-server
[app:${name}-server]
use = egg:swift#${name}
`;
    await writeFile(`${dir}/${name}.conf`, text);
    // One partition, one copy.
    const builder = findBinary('swift-ring-builder', 'swift');
    const file = `${dir}/${name}.builder`;
    await run(builder, [file, 'create', '1', '1', '0'], as);
    await run(builder, [file, 'add', `r1z1-127.0.0.1:${port}/d1`, '1'], as);
    await run(builder, [file, 'rebalance'], as);
  }
  await writeFile(`${dir}/proxy.conf`, common(ports['proxy'] ?? 0) + proxyConf);
}

/** The cache must be named, and nobody answers there: then it is gone without. */
const proxyConf = `[pipeline:main]
pipeline = catch_errors gatekeeper cache listing_formats bulk s3api tempauth copy slo dlo versioned_writes proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing-secret .admin
${['catch_errors', 'gatekeeper', 'listing_formats', 'bulk', 'copy', 'slo', 'dlo', 'versioned_writes']
  .map((name) => `[filter:${name}]\nuse = egg:swift#${name}\n`)
  .join('')}`;

async function answers(port: number): Promise<boolean> {
  const response = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(2000) });
  await response.body?.cancel();
  return true;
}
