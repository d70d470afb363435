import { lstat, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isFree } from '../placement/port-pool.ts';
import { containerSpec } from './container-spec.ts';
import { buildEnvironment } from './environment.ts';
import { healthCheckOf } from './health-check.ts';
import type { Instance, PortUse } from './instance.ts';
import type { InstanceWorld } from './parts.ts';
import { notReadyText, waitUntilReady } from './readiness.ts';
import { serviceEgress } from './service-egress.ts';
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
  const { clock, logs, warden } = world;
  const { handle, message, rootDir } = instance;
  const stop = instance.startAbort.signal;
  await logs.open(instance);
  stop.throwIfAborted();
  instance.setState('STARTING', clock.now());
  await mkdir(rootDir, { recursive: true, mode: 0o700 });
  const ports = await allotPorts(world, instance);
  const services = await serviceEgress(message, world.log);
  const container = await warden.create(
    containerSpec(message, { handle, rootDir, ports }, world.containers, services),
  );
  instance.container = container;
  const droplet = { sha1: message.sha1 ?? '', uri: message.executableUri ?? '', trace: instance.trace };
  const unpacked = world.droplets.withDroplet(droplet, async (path) => {
    if (!stop.aborted) await container.unpack(path);
  });
  await unlessAborted(unpacked, stop);
  for (const name of ['app', 'logs', 'tmp']) await ownDirectory(join(rootDir, name));
  const command = await startCommand(message, rootDir);
  stop.throwIfAborted();
  await container.spawn({
    argv: ['bash', '-c', command],
    cwd: 'app',
    env: buildEnvironment({
      message,
      instanceId: instance.id,
      address: world.host,
      ports: instance.ports,
      homeDir: container.appPath('app'),
      tmpDir: container.appPath('tmp'),
      path: world.path,
      startedAtMs: instance.startedAtMs,
    }),
    stdoutPath: join(rootDir, 'logs/stdout.log'),
    stderrPath: join(rootDir, 'logs/stderr.log'),
  });
  logs.follow(instance);
  world.changed(); // its pid must be on disk before anything else may go wrong
  await watchStart(world, instance, exited);
}

/**
 * From the running program of a STARTING instance to RUNNING: waits until it is ready. A DEA that was restarted
 * meanwhile goes on here.
 */
export async function watchStart(
  world: InstanceWorld,
  instance: Instance,
  exited: (instance: Instance) => void,
): Promise<void> {
  const { clock } = world;
  const { message } = instance;
  const stop = instance.startAbort.signal;
  const gone = new AbortController();
  instance.container?.onExit((exit) => {
    instance.exit = exit;
    gone.abort();
    exited(instance);
  });
  const check = healthCheckOf(message);
  if (typeof check === 'string') throw new Error(check);
  const seconds = message.health_check_timeout;
  const ownTimeout = message.health_check_invocation_timeout;
  const target = {
    host: world.host,
    port: instance.port,
    timeoutMs: ownTimeout == null ? world.checkTimeoutMs : ownTimeout * 1000,
    startTimeoutMs: seconds == null ? world.healthCheckTimeoutMs : seconds * 1000,
  };
  const seen = await waitUntilReady(clock, check, target, AbortSignal.any([stop, gone.signal]));
  stop.throwIfAborted();
  if (gone.signal.aborted) return;
  if (seen !== undefined) throw new Error(notReadyText(check, seen));
  if (instance.state === 'STARTING') instance.setState('RUNNING', clock.now());
}

/** A port for requests, and ones for a debugger and a console where the message asks for them. */
async function allotPorts(world: InstanceWorld, instance: Instance): Promise<number[]> {
  const { console: wantsConsole, debug } = instance.message;
  const uses: PortUse[] = ['port'];
  if (debug) uses.push('debugPort');
  if (wantsConsole) uses.push('consolePort');
  for (const use of uses) instance.ports[use] = await allotPort(world);
  return uses.map((use) => instance.ports[use]);
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
