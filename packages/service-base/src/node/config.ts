import { blobstoreConfig } from '@vcap/blobstore';
import { baseConfigShape } from '@vcap/component';
import { z } from 'zod';

/** A file of SQLite; the originals' form `sqlite3:/path` is taken too. */
export const sqliteFileSchema = z
  .string()
  .min(1)
  .transform((path) => path.replace(/^sqlite3:/, ''));

/** Keys of every node's file; a service adds its own: `z.strictObject({ ...nodeConfigShape, mysql: ... })`. */
export const nodeConfigShape = {
  ...baseConfigShape,
  /** Convention: `<service>_node_<plan>_<index>`. */
  node_id: z.string().regex(/^[A-Za-z0-9_-]+$/, 'letters, digits, _ and - only'),
  plan: z.string().min(1).default('free'),
  /** Instances times the capacity unit. */
  capacity: z.number().positive().default(200),
  /** Take more than `capacity`; the gateway's plan management must allow it too. */
  allow_over_provisioning: z.boolean().default(false),
  /** The registry. */
  local_db: sqliteFileSchema,
  /** Seconds that a provision or bind may take; what takes longer is undone. A gateway that waits less lowers it. */
  op_time_limit: z.number().positive().default(6),
  /** Operations at once; the others wait in line. */
  max_parallel: z.int().min(1).default(16),
  /** Seconds between announcements and between the figures for /varz. */
  z_interval: z.number().positive().default(30),
  /** Bytes of a message on the bus. */
  max_nats_payload: z.int().min(1024).default(1_048_576),
  /** The node stays silent while this file exists. */
  disabled_file: z.string().optional(),
  /** Directories that a restore may read backups from. */
  backup_dirs: z.array(z.string()).default([]),
  /** Jobs; absent: no snapshots on this node. */
  redis: z.strictObject({ uri: z.string() }).optional(),
  /** Snapshot files and dumps: a directory or a bucket that gateways and nodes share. */
  blobstore: blobstoreConfig.optional(),
  jobs: z
    .strictObject({
      parallel: z.int().min(1).default(2),
      /** Seconds for one job. */
      ttl: z.number().positive().default(600),
      /** Seconds that a job waits for another one of its instance. */
      lock_wait: z.number().positive().default(20),
      /** Silence of a worker, in seconds, after which its job is taken over. */
      lock: z.number().positive().default(10),
      /** Where files lie while they are unpacked. */
      work_dir: z.string().optional(),
    })
    .prefault({}),
};
const nodeConfig = z.object(nodeConfigShape);
export type NodeConfig = z.infer<typeof nodeConfig>;
