import { z } from 'zod';

const limits = z.object({
  max_bytes: z.number(),
  max_redirects: z.number(),
  timeout_ms: z.number(),
  allowed_hosts: z.array(z.string()),
});
/** Bounds of an import, from the gateway's configuration. */
export type ImportLimits = z.infer<typeof limits>;

const common = {
  service_id: z.string(),
  snapshot_id: z.string(),
  /** Snapshots that the instance may have; checked where one is added. */
  quota: z.number(),
};

/** What a lifecycle job is to do. Everything it needs is in it, so that it can be done again after a worker's death. */
export const jobDataSchema = z.discriminatedUnion('operation', [
  z.object({ operation: z.literal('create_snapshot'), ...common }),
  z.object({ operation: z.literal('rollback_snapshot'), ...common }),
  z.object({ operation: z.literal('delete_snapshot'), ...common }),
  /** `url` holds the word %{token}. */
  z.object({ operation: z.literal('create_serialized_url'), ...common, url: z.string() }),
  z.object({ operation: z.literal('import_from_url'), ...common, url: z.string(), limits }),
  /** `upload` is a key of the blobstore, deleted at the end. */
  z.object({ operation: z.literal('import_from_data'), ...common, upload: z.string(), limits }),
]);
export type JobData = z.infer<typeof jobDataSchema>;

/** Shown to the user while the job runs. */
export interface JobProgress {
  text: string;
  percent?: number;
}

/** What the user is told of a job before it says something itself. */
export const jobTexts: Record<JobData['operation'], string> = {
  create_snapshot: 'Create snapshot',
  rollback_snapshot: 'Roll back to snapshot',
  delete_snapshot: 'Delete snapshot',
  create_serialized_url: 'Create serialized URL',
  import_from_url: 'Import from URL',
  import_from_data: 'Import from data',
};
