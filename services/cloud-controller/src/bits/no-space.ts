import { NoSpaceError } from '@vcap/blobstore';

/** Whether an error says that a disk is full. */
export function isFull(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return error instanceof NoSpaceError || code === 'ENOSPC' || code === 'EDQUOT';
}
