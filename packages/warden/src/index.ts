export type {
  Container,
  ContainerExit,
  ContainerInfo,
  ContainerSnapshot,
  ContainerSpec,
  EgressRule,
  ExitReason,
  Isolation,
  OutputChunk,
  OutputSource,
  ProcessIdentity,
  ReadOnlyPath,
  RunOptions,
  SpawnOptions,
  Warden,
} from './types.ts';
export { openWarden } from './open-warden.ts';
export type { OpenWardenOptions } from './open-warden.ts';
export { detectBackend } from './runc/detect.ts';
export type { Backend } from './runc/detect.ts';
export { RuncWarden } from './runc/runc-warden.ts';
export type { RuncWardenOptions } from './runc/runc-warden.ts';
export { DENIED_BY_DEFAULT } from './runc/egress.ts';
export { ProcessWarden } from './process/process-warden.ts';
export type { ProcessWardenOptions } from './process/process-warden.ts';
export { openInside } from './files/inside.ts';
export type { OpenEntry, OpenRefusal } from './files/inside.ts';
export { containerSnapshotSchema } from './snapshot-schema.ts';
