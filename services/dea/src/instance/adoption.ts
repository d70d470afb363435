import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { newTrace } from '@vcap/bus';
import type { Snapshot, SnapshotEntry } from '../snapshot/snapshot-file.ts';
import type { Instance } from './instance.ts';
import type { InstanceManager } from './instance-manager.ts';
import type { InstanceWorld } from './parts.ts';

/** Takes over what a DEA before us left: running instances go on with their port, the rest is reported and cleaned up. */
export async function adoptInstances(
  world: InstanceWorld,
  manager: InstanceManager,
  snapshot: Snapshot | undefined,
): Promise<void> {
  for (const entry of snapshot?.instances ?? []) await adoptOne(world, manager, entry);
  const orphans = await world.warden.destroyOrphans();
  if (orphans.length > 0) world.log.warn({ event: 'orphans-destroyed', handles: orphans });
  const known = new Set(world.registry.all().map(({ handle }) => handle));
  for (const name of await readdir(world.instancesDir)) {
    if (!known.has(name)) await rm(join(world.instancesDir, name), { recursive: true, force: true });
  }
}

async function adoptOne(world: InstanceWorld, manager: InstanceManager, entry: SnapshotEntry): Promise<void> {
  const { log, ports, registry, warden } = world;
  const instance = manager.make({
    id: entry.id,
    handle: entry.handle,
    message: entry.message,
    privateInstanceId: entry.private_instance_id,
    trace: newTrace(),
  });
  instance.port = entry.port;
  instance.restore(entry.state, entry.state_since_ms, entry.started_at_ms);
  if (entry.state === 'CRASHED') {
    if (await stat(instance.rootDir).catch(() => undefined)) registry.add(instance);
    return;
  }
  instance.container = entry.container && (await warden.adopt(entry.container));
  if (entry.port !== 0) ports.claim(entry.port);
  registry.add(instance);
  log.info({
    event: 'instance-adopted',
    instance: instance.id,
    state: entry.state,
    alive: instance.container !== undefined,
    trace_id: instance.trace.traceId,
  });
  if (entry.state === 'STOPPING') void manager.stop(instance, instance.trace);
  else if (entry.state === 'RUNNING' || entry.state === 'EVACUATING') resume(manager, instance);
  else await abandon(manager, instance);
}

function resume(manager: InstanceManager, instance: Instance): void {
  if (instance.container === undefined) return manager.exited(instance);
  instance.container.onExit((exit) => {
    instance.exit = exit;
    manager.exited(instance);
  });
}

/** Nobody watched it come up; the health manager will have it started again. */
async function abandon(manager: InstanceManager, instance: Instance): Promise<void> {
  await instance.container?.destroy();
  instance.exitDescription = 'failed to start: the DEA was restarted meanwhile';
  manager.exited(instance);
}
