import type { StagingError } from './staging-error.ts';

/** Both replies of the wire agreement in one shape; unused keys are null (nats-messages 1.8). */
export interface TaskReply {
  task_id: string | null;
  task_log: string | null;
  task_streaming_log_url: string | null;
  detected_buildpack: string | null;
  detected_start_command: string | null;
  droplet_sha1: string | null;
  error: string | null;
  error_info: { type: string; message: string } | null;
}

/** What a finished task produced. */
export interface StagedDroplet {
  readonly sha1: string;
  readonly startCommand: string;
  readonly description: string;
}

const empty = (taskId: string | null): TaskReply => ({
  task_id: taskId,
  task_log: null,
  task_streaming_log_url: null,
  detected_buildpack: null,
  detected_start_command: null,
  droplet_sha1: null,
  error: null,
  error_info: null,
});

/** Reply 1: the task is running and its log is at `logUrl`. */
export const acceptedReply = (taskId: string, logUrl: string): TaskReply => ({
  ...empty(taskId),
  task_streaming_log_url: logUrl,
});

/** Reply 1 of a request that is not taken, or reply 2 of a task that failed. */
export const failedReply = (
  taskId: string | null,
  error: StagingError,
  log: { text: string; url: string } | null = null,
): TaskReply => ({
  ...empty(taskId),
  task_log: log?.text ?? null,
  task_streaming_log_url: log?.url ?? null,
  error: error.message,
  error_info: { type: error.type, message: error.message },
});

/** Reply 2 of a task whose droplet is with the cloud controller. */
export const finishedReply = (
  taskId: string,
  droplet: StagedDroplet,
  log: { text: string; url: string },
): TaskReply => ({
  ...empty(taskId),
  task_log: log.text,
  task_streaming_log_url: log.url,
  detected_buildpack: droplet.description,
  detected_start_command: droplet.startCommand,
  droplet_sha1: droplet.sha1,
});
