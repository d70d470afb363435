import type { StagingReply } from '@vcap/bus';

/** How one stager's work on a task ended. */
export type Outcome =
  | { kind: 'staged'; dropletHash: string; detectedStartCommand: string | null }
  /** The stager did not take the task: another one may. */
  | { kind: 'not-accepted' }
  /** The stager took it, and nobody will hear how it ended. */
  | { kind: 'lost'; message: string }
  /** `bitsToBlame`: staging the same bits again would fail again. */
  | { kind: 'failed'; message: string; bitsToBlame: boolean };

/** Failures of the platform: the bits may well be sound. */
const INNOCENT = new Set(['StagerShutdown', 'TaskStopped', 'DownloadFailed', 'UploadFailed']);
/** In the first reply: no room, or going away. */
const REFUSALS = new Set(['TooManyTasks', 'StagerShutdown']);
const SHA1 = /^[0-9a-f]{40}$/i;

/** What a reply ends the task with; undefined for the first of two, which only accepts it. */
export function outcomeOf(reply: StagingReply, accepted: boolean): Outcome | undefined {
  const { error, error_info: info, droplet_sha1: dropletHash } = reply;
  const type = info?.type ?? '';
  if (error) {
    if (!accepted && REFUSALS.has(type)) return { kind: 'not-accepted' };
    return { kind: 'failed', message: error, bitsToBlame: !INNOCENT.has(type) };
  }
  if (dropletHash) {
    if (!SHA1.test(dropletHash)) return failure('the stager named no valid droplet; push or restart again');
    const detectedStartCommand = reply.detected_start_command ?? null;
    return { kind: 'staged', dropletHash: dropletHash.toLowerCase(), detectedStartCommand };
  }
  return undefined;
}

/** A failure that the bits are not to blame for. */
export function failure(message: string): Outcome {
  return { kind: 'failed', message, bitsToBlame: false };
}
