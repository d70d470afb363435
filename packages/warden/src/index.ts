export type {
  Container,
  ContainerExit,
  ContainerInfo,
  ContainerSnapshot,
  ContainerSpec,
  ExitReason,
  Isolation,
  ProcessIdentity,
  SpawnOptions,
  Warden,
} from './types.ts';
export { ProcessWarden } from './process/process-warden.ts';
export type { ProcessWardenOptions } from './process/process-warden.ts';
export { guardMemory } from './process/memory-guard.ts';
export type { MemoryGuardOptions } from './process/memory-guard.ts';
export { containerSnapshotSchema } from './snapshot-schema.ts';
