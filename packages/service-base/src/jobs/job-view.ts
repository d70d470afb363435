import { errorBodySchema, ServiceError, serviceErrors } from '@vcap/service-api';
import type { Job as JobView } from '@vcap/service-api';
import type { Job } from 'bullmq';
import { jobTexts } from './job-data.ts';
import type { JobData, JobProgress } from './job-data.ts';

/** A job as the user sees it (services.md §6). */
export function viewOf(job: Job, state: string, data: JobData): JobView {
  const progress = job.progress as JobProgress | undefined;
  const status =
    state === 'completed' || state === 'failed' ? state : state === 'active' ? 'working' : 'queued';
  const title = `${jobTexts[data.operation]} ${data.snapshot_id}`;
  const says =
    status === 'working' && typeof progress?.text === 'string' ? `${title}: ${progress.text}` : title;
  const percent = status === 'completed' ? 100 : progress?.percent;
  return {
    job_id: job.id ?? '',
    status,
    start_time: new Date(job.timestamp).toISOString(),
    description: says,
    ...(percent === undefined ? {} : { progress: percent }),
    ...(job.finishedOn === undefined ? {} : { complete_time: new Date(job.finishedOn).toISOString() }),
    ...(status === 'completed' ? { result: job.returnvalue as Record<string, unknown> } : {}),
    ...(status === 'failed' ? { result: reasonOf(job) } : {}),
  };
}

function reasonOf(job: Job): { code: number; description: string } {
  try {
    return errorBodySchema.parse(JSON.parse(job.failedReason));
  } catch {
    const { code, description } = new ServiceError(serviceErrors.internal, job.failedReason).body;
    return { code, description };
  }
}
