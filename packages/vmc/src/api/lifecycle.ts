import { z } from 'zod';
import type { Client } from './client.ts';

const snapshotSchema = z.looseObject({
  snapshot_id: z.union([z.string(), z.number()]).transform(String),
  date: z.string().nullish(),
  /** Bytes. */
  size: z.number().nullish(),
  name: z.string().nullish(),
});
/** The data of a service as it was at some time. */
export type Snapshot = z.infer<typeof snapshotSchema>;

const jobSchema = z.looseObject({
  job_id: z.string(),
  status: z.string(),
  description: z.string().nullish(),
  /** Percent; absent where it is not known. */
  progress: z.number().nullish(),
  result: z.looseObject({}).nullish(),
});
/** Work on a service that goes on at its gateway. */
export type Job = z.infer<typeof jobSchema>;

export const urlSchema = z.looseObject({ url: z.string() });
export const snapshotResult = z.looseObject({ snapshot_id: snapshotSchema.shape.snapshot_id });
export const failureResult = z.looseObject({ code: z.number().nullish(), description: z.string() });

const word = encodeURIComponent;
const base = (service: string): string => `/services/v1/configurations/${word(service)}`;
const at = (service: string, snapshot: string): string => `${base(service)}/snapshots/${word(snapshot)}`;

export async function listSnapshots(client: Client, service: string): Promise<Snapshot[]> {
  const schema = z.looseObject({ snapshots: z.array(snapshotSchema) });
  return (await client.get(`${base(service)}/snapshots`, schema)).snapshots;
}

export const startSnapshot = (client: Client, service: string): Promise<Job> =>
  client.exchange('POST', `${base(service)}/snapshots`, {}, jobSchema);

export const nameSnapshot = (
  client: Client,
  service: string,
  snapshot: string,
  name: string,
): Promise<void> => client.send('POST', `${at(service, snapshot)}/name`, { name });

export const startRollback = (client: Client, service: string, snapshot: string): Promise<Job> =>
  client.exchange('PUT', at(service, snapshot), {}, jobSchema);

export const startDeletion = (client: Client, service: string, snapshot: string): Promise<Job> =>
  client.exchange('DELETE', at(service, snapshot), undefined, jobSchema);

export const startExport = (client: Client, service: string, snapshot: string): Promise<Job> =>
  client.exchange('POST', `${base(service)}/serialized/url/snapshots/${word(snapshot)}`, {}, jobSchema);

export const startUrlImport = (client: Client, service: string, url: string): Promise<Job> =>
  client.exchange('PUT', `${base(service)}/serialized/url`, { url }, jobSchema);

/** `data` is the file in base64. */
export const startDataImport = (client: Client, service: string, data: string): Promise<Job> =>
  client.exchange('PUT', `${base(service)}/serialized/data`, { data }, jobSchema);

export const getJob = (client: Client, service: string, job: string): Promise<Job> =>
  client.get(`${base(service)}/jobs/${word(job)}`, jobSchema);
