import { z } from 'zod';

/** `name` is absent on imported snapshots of the originals; ours always have one. */
export const snapshotSchema = z.looseObject({
  snapshot_id: z.string().min(1),
  /** UTC, ISO 8601. */
  date: z.string(),
  /** Bytes of the compressed data. */
  size: z.number(),
  name: z.string().nullish(),
});
export type Snapshot = z.infer<typeof snapshotSchema>;
export const snapshotListSchema = z.looseObject({ snapshots: z.array(snapshotSchema) });
export type SnapshotList = z.infer<typeof snapshotListSchema>;
export const snapshotNameSchema = z.looseObject({ name: z.string().min(1).max(512) });
export type SnapshotName = z.infer<typeof snapshotNameSchema>;
export const serializedUrlSchema = z.looseObject({ url: z.url({ protocol: /^https?$/ }) });
export type SerializedUrl = z.infer<typeof serializedUrlSchema>;
/** `data` is base64 of a serialized file (zip). */
export const serializedDataSchema = z.looseObject({ data: z.base64().min(1) });
export type SerializedData = z.infer<typeof serializedDataSchema>;

/**
 * `result` is a `Snapshot`, a `SerializedUrl`, `{"result":"ok"}` or, of a failed job, `{code,description}`. `progress`
 * is ours: percent, or absent where it cannot be known.
 */
export const jobSchema = z.looseObject({
  job_id: z.string().min(1),
  status: z.enum(['queued', 'working', 'completed', 'failed']),
  start_time: z.string(),
  description: z.string(),
  complete_time: z.string().nullish(),
  progress: z.number().nullish(),
  result: z.looseObject({}).nullish(),
});
export type Job = z.infer<typeof jobSchema>;

export const restoreRequestSchema = z.looseObject({
  instance_id: z.string().min(1),
  backup_path: z.string().min(1),
});
export type RestoreRequest = z.infer<typeof restoreRequestSchema>;
/** Names and credentials by node id, as /varz shows them. */
export const purgeOrphanRequestSchema = z.looseObject({
  orphan_instances: z.record(z.string(), z.array(z.string())),
  orphan_bindings: z.record(z.string(), z.array(z.looseObject({ name: z.string() }))),
});
export type PurgeOrphanRequest = z.infer<typeof purgeOrphanRequestSchema>;
