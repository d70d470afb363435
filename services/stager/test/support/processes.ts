import { readFile } from 'node:fs/promises';

/** Whether a process runs; one that is dead and not yet collected by its parent does not. */
export const isRunning = async (pid: number): Promise<boolean> => {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  return stat !== '' && !/\) [ZX] /.test(stat);
};
