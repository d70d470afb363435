import type { ContainerInfo, ExitReason } from '@vcap/warden';
import { StagingError } from '../domain/staging-error.ts';

const MB = 1024 * 1024;
/** So near to its ceiling a use counts as at it: what failed for want of more was not added. */
const FULL = 0.97;

/** Ceilings of one task's container. */
export interface ContainerLimits {
  readonly memoryMb: number;
  readonly diskMb: number;
  readonly inodes: number;
  readonly pids: number;
}

/** What a command complained of, by its own words. */
export interface Complaints {
  readonly space: boolean;
  readonly process: boolean;
}

/** What is known of a command that failed. */
export interface Failure {
  /** Of its container, when that has ended, or of the command. */
  readonly reason: ExitReason | undefined;
  /** The container's use right after it. */
  readonly info: ContainerInfo | undefined;
  readonly saw: Complaints;
}

/** The limit that made a command fail, in words for the user; undefined when it was none. */
export const limitError = (
  limits: ContainerLimits,
  { info, reason, saw }: Failure,
): StagingError | undefined => {
  const { diskMb, inodes, memoryMb, pids } = limits;
  if (reason === 'out of memory')
    return new StagingError('OutOfMemory', `staging needed more than ${memoryMb} MB of memory`);
  const kernels = info?.isolation === 'runc';
  if (kernels && (info.pids >= pids * FULL || saw.process))
    return new StagingError('OutOfProcesses', `staging ran more than ${pids} processes at once`);
  if (kernels && info.inodes >= inodes * FULL) return outOfFiles(inodes);
  if (reason === 'out of disk' || saw.space || (kernels && info.diskBytes >= diskMb * MB * FULL))
    return outOfDisk(diskMb);
  return undefined;
};

/** The task's disk is full. */
export const outOfDisk = (diskMb: number): StagingError =>
  new StagingError('OutOfDisk', `staging needed more than ${diskMb} MB of disk`);

const outOfFiles = (inodes: number): StagingError =>
  new StagingError('OutOfDisk', `staging made more than ${inodes} files`);
