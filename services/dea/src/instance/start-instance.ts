import { lstat, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isFree } from '../placement/port-pool.ts';
import { buildEnvironment } from './environment.ts';
import type { Instance } from './instance.ts';
import type { InstanceWorld } from './parts.ts';
import { waitUntilAccepting } from './readiness.ts';
import { startCommand } from './start-command.ts';

const PORT_TRIES = 50;

/**
 * Brings a BORN instance to RUNNING. Rejects with a text for the user when it cannot; the caller decides what that
 * means, as a stop may have come meanwhile. `exited` is called when the application ends, at any time.
 */
export async function startInstance(
  world: InstanceWorld,
  instance: Instance,
  exited: (instance: Instance) => void,
): Promise<void> {
  const { clock, warden } = world;
  const { message, rootDir } = instance;
  const stop = instance.startAbort.signal;
  stop.throwIfAborted();
  instance.setState('STARTING', clock.now());
  await mkdir(rootDir, { recursive: true, mode: 0o700 });
  instance.port = await allotPort(world);
  const container = await warden.create({
    handle: instance.handle,
    rootDir,
    memoryMb: message.limits.mem,
    diskMb: message.limits.disk,
    fds: message.limits.fds,
    ports: [instance.port],
  });
  instance.container = container;
  const droplet = { sha1: message.sha1 ?? '', uri: message.executableUri ?? '', trace: instance.trace };
  const unpacked = world.droplets.withDroplet(droplet, async (path) => {
    if (!stop.aborted) await container.unpack(path);
  });
  await unlessAborted(unpacked, stop);
  for (const name of ['app', 'logs', 'tmp']) await ownDirectory(join(rootDir, name));
  const command = await startCommand(message, rootDir);
  stop.throwIfAborted();
  const gone = new AbortController();
  container.onExit(() => gone.abort());
  await container.spawn({
    argv: ['bash', '-c', command],
    cwd: 'app',
    env: buildEnvironment({
      message,
      instanceId: instance.id,
      host: world.host,
      port: instance.port,
      homeDir: container.appPath('app'),
      tmpDir: container.appPath('tmp'),
      path: world.path,
      startedAtMs: instance.startedAtMs,
    }),
    stdoutPath: join(rootDir, 'logs/stdout.log'),
    stderrPath: join(rootDir, 'logs/stderr.log'),
  });
  world.changed(); // its pid must be on disk before anything else may go wrong
  container.onExit((exit) => {
    instance.exit = exit;
    exited(instance);
  });
  if (message.uris.length > 0) {
    const timeoutMs = message.health_check_timeout
      ? message.health_check_timeout * 1000
      : world.healthCheckTimeoutMs;
    const target = { host: world.host, port: instance.port, timeoutMs };
    const ready = await waitUntilAccepting(clock, target, AbortSignal.any([stop, gone.signal]));
    stop.throwIfAborted();
    if (gone.signal.aborted) return;
    if (!ready) throw new Error('failed to accept connections within health check timeout');
  }
  if (instance.state === 'STARTING') instance.setState('RUNNING', clock.now());
}

async function allotPort({ ports }: InstanceWorld): Promise<number> {
  for (let tries = 0; tries < PORT_TRIES; tries += 1) {
    const port = ports.take();
    if (port === undefined) break;
    if (await isFree(port)) return port;
    ports.release(port);
  }
  throw new Error('no free port');
}

/** Waits for work that others may share, but not longer than until a stop comes. */
function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/** Makes a directory of the droplet's layout; a link in its place could lead out of the instance. */
async function ownDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  if (!(await lstat(path)).isDirectory()) throw new Error('droplet is malformed: a directory is a link');
}
