import { failureResult, getJob } from '../api/lifecycle.ts';
import type { Job } from '../api/lifecycle.ts';
import type { Client } from '../api/client.ts';
import type { Clock } from '../clock.ts';
import { ApiError, ConnectError, VmcError } from '../errors.ts';
import type { Ui } from '../ui/ui.ts';

const mostFailuresInRow = 10;

/**
 * Shows a step until the job that `start` begins has ended; answers its result. Throws VmcError with the job's own
 * reason when it failed. The job goes on when vmc is interrupted.
 */
export async function followJob(
  o: { client: Client; ui: Ui; clock: Clock },
  label: string,
  service: string,
  start: () => Promise<Job>,
): Promise<unknown> {
  return o.ui.step(label, async (step) => {
    let job = await start();
    for (let waits = 0; job.status !== 'completed'; waits += 1) {
      if (job.status === 'failed') {
        const why = failureResult.safeParse(job.result);
        throw new VmcError(why.success ? why.data.description : `The job ${job.job_id} failed`);
      }
      const percent = job.progress == null ? '' : `${Math.floor(job.progress)}% `;
      step.progress(`${percent}${job.description ?? job.status}`);
      await o.clock.sleep(waits < 10 ? 300 : 1500);
      job = await nextOf(o, service, job);
    }
    return job.result ?? {};
  });
}

/** The job's new state; a target that stumbles is asked again. */
async function nextOf(o: { client: Client; clock: Clock }, service: string, job: Job): Promise<Job> {
  for (let failures = 1; ; failures += 1) {
    try {
      return await getJob(o.client, service, job.job_id);
    } catch (error) {
      const passing = error instanceof ConnectError || (error instanceof ApiError && error.status >= 500);
      if (!passing || failures >= mostFailuresInRow) throw error;
      await o.clock.sleep(1000);
    }
  }
}
