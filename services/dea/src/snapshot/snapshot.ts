import type { Logger } from '@vcap/bus';
import type { Instance } from '../instance/instance.ts';
import type { Registry } from '../instance/registry.ts';
import type { Snapshot, SnapshotEntry, SnapshotFile } from './snapshot-file.ts';

/** The last snapshot. One that cannot be read is logged and counts as none: what ran is then destroyed as orphans. */
export async function loadSnapshot(file: SnapshotFile, log: Logger): Promise<Snapshot | undefined> {
  try {
    return await file.load();
  } catch (error) {
    log.error({ event: 'snapshot-unreadable', error: (error as Error).message });
    return undefined;
  }
}

/** What is worth finding again after the DEA was killed. */
export function snapshotOf(deaId: string, registry: Registry): Snapshot {
  return { dea_id: deaId, instances: registry.all().flatMap((instance) => entryOf(instance)) };
}

function entryOf(instance: Instance): SnapshotEntry[] {
  const { state } = instance;
  if (state === 'STOPPED') return [];
  return [
    {
      id: instance.id,
      handle: instance.handle,
      message: instance.message,
      port: instance.port,
      private_instance_id: instance.privateInstanceId,
      state,
      state_since_ms: instance.stateSinceMs,
      started_at_ms: instance.startedAtMs,
      ...(instance.container === undefined ? {} : { container: instance.container.snapshot() }),
    },
  ];
}
