import type { Logger } from '@vcap/bus';
import type { Instance } from '../instance/instance.ts';
import type { Registry } from '../instance/registry.ts';
import type { Snapshot, SnapshotEntry, SnapshotFile } from './snapshot-file.ts';

/** The last snapshot. What of it cannot be read is logged and counts as none: it is then destroyed as an orphan. */
export async function loadSnapshot(file: SnapshotFile, log: Logger): Promise<Snapshot | undefined> {
  try {
    const loaded = await file.load();
    if (loaded !== undefined && loaded.damage.length > 0)
      log.error({ event: 'snapshot-damaged', damage: loaded.damage });
    return loaded;
  } catch (error) {
    log.error({ event: 'snapshot-unreadable', error: (error as Error).message });
    return undefined;
  }
}

/** What is worth finding again after the DEA was killed. */
export function snapshotOf(deaId: string, registry: Registry, ports: SnapshotPorts): Snapshot {
  return {
    dea_id: deaId,
    ...(ports.fileServer === 0 ? {} : { file_server_port: ports.fileServer }),
    next_port: ports.next,
    instances: registry.all().flatMap((instance) => entryOf(instance)),
  };
}

/** Ports that the next DEA is to go on with. */
export interface SnapshotPorts {
  fileServer: number;
  /** Of applications: those before it have just been used. */
  next: number;
}

function entryOf(instance: Instance): SnapshotEntry[] {
  // One that was not looked at yet is still what the DEA before us said.
  const state = instance.state === 'RESUMING' ? (instance.resumedFrom ?? 'STARTING') : instance.state;
  if (state === 'STOPPED' || state === 'RESUMING') return [];
  const { ports } = instance;
  return [
    {
      id: instance.id,
      handle: instance.handle,
      message: instance.message,
      port: ports.port,
      debug_port: ports.debugPort,
      console_port: ports.consolePort,
      private_instance_id: instance.privateInstanceId,
      state,
      state_since_ms: instance.stateSinceMs,
      started_at_ms: instance.startedAtMs,
      ...(instance.exitDescription === undefined ? {} : { exit_description: instance.exitDescription }),
      ...(instance.container === undefined ? {} : { container: instance.container.snapshot() }),
    },
  ];
}
