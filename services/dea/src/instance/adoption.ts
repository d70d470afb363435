import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { newTrace } from '@vcap/bus';
import type { Snapshot, SnapshotEntry } from '../snapshot/snapshot-file.ts';
import type { Instance } from './instance.ts';
import type { InstanceManager } from './instance-manager.ts';
import type { InstanceWorld } from './parts.ts';

/**
 * Takes over what a DEA before us left: running instances go on with their port and log, the rest is reported and
 * cleaned up. All are RESUMING before the first is looked at, so that a DEA killed meanwhile forgets none.
 */
export async function adoptInstances(
  world: InstanceWorld,
  manager: InstanceManager,
  snapshot: Snapshot | undefined,
): Promise<void> {
  const { log, logs, registry, warden } = world;
  const found = (snapshot?.instances ?? []).map(
    (entry) => [entry, introduce(world, manager, entry)] as const,
  );
  for (const [entry, instance] of found) {
    try {
      await adoptOne(world, manager, entry, instance);
    } catch (error) {
      log.error({ event: 'adoption-failed', instance: instance.id, err: error });
      instance.exitDescription = 'failed to start: the DEA was restarted and could not take it over';
      manager.exited(instance);
    }
  }
  const orphans = await warden.destroyOrphans();
  if (orphans.length > 0) log.warn({ event: 'orphans-destroyed', handles: orphans });
  const known = new Set(registry.all().map(({ handle }) => handle));
  for (const name of await readdir(world.instancesDir)) {
    if (!known.has(name)) await rm(join(world.instancesDir, name), { recursive: true, force: true });
  }
  await logs.start(known);
}

/** The instance as RESUMING, with its ports. */
function introduce(world: InstanceWorld, manager: InstanceManager, entry: SnapshotEntry): Instance {
  const instance = manager.make({
    id: entry.id,
    handle: entry.handle,
    message: entry.message,
    privateInstanceId: entry.private_instance_id,
    trace: newTrace(),
  });
  instance.ports.port = entry.port;
  instance.ports.debugPort = entry.debug_port;
  instance.ports.consolePort = entry.console_port;
  instance.startedAtMs = entry.started_at_ms;
  instance.resumedFrom = entry.state;
  instance.exitTold = entry.state === 'CRASHED';
  instance.exitDescription = entry.exit_description;
  instance.setState('RESUMING', entry.state_since_ms);
  if (entry.state !== 'CRASHED')
    for (const port of Object.values(instance.ports)) if (port !== 0) world.ports.claim(port);
  world.registry.add(instance);
  return instance;
}

async function adoptOne(
  world: InstanceWorld,
  manager: InstanceManager,
  entry: SnapshotEntry,
  instance: Instance,
): Promise<void> {
  const { clock, log, logs, registry, warden } = world;
  instance.container = entry.container && (await warden.adopt(entry.container));
  if (entry.state === 'CRASHED') {
    if (await stat(instance.rootDir).catch(() => undefined)) {
      await logs.open(instance);
      instance.setState('CRASHED', entry.state_since_ms);
    } else registry.remove(instance);
    return;
  }
  const alive = instance.container !== undefined;
  const { traceId } = instance.trace;
  log.info({
    event: 'instance-adopted',
    instance: instance.id,
    state: entry.state,
    alive,
    trace_id: traceId,
  });
  await logs.open(instance);
  logs.follow(instance);
  if (alive) logs.note(instance, 'a restarted DEA goes on with this instance');
  if (entry.state === 'STOPPING') void manager.stop(instance, instance.trace);
  else if (entry.state === 'RUNNING' || entry.state === 'EVACUATING') resume(manager, instance, entry);
  else if (instance.container?.snapshot().process !== undefined) {
    // Asked of the container: the DEA may have died before it could write down that the program runs.
    instance.setState('STARTING', clock.now());
    manager.resumeStart(instance);
  } else {
    // Its program was never started, or nobody knows; the health manager will have it started again.
    instance.exitDescription = 'failed to start: the DEA was restarted meanwhile';
    manager.exited(instance);
  }
}

/** One that was EVACUATING is back to stay, as its DEA is; should its copy run already, the health manager chooses. */
function resume(manager: InstanceManager, instance: Instance, entry: SnapshotEntry): void {
  if (instance.container === undefined) return manager.exited(instance);
  instance.setState('RUNNING', entry.state_since_ms);
  instance.container.onExit((exit) => {
    instance.exit = exit;
    manager.exited(instance);
  });
}
