import { readFile, readdir } from 'node:fs/promises';

/** What of containers below `dir` the machine still has, in words. Empty: nothing is left. */
export const leftOf = async (dir: string): Promise<string[]> => {
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8'))
    .split('\n')
    .filter((line) => line.includes(dir));
  const loops: string[] = [];
  for (const name of await readdir('/sys/block')) {
    const file = await readFile(`/sys/block/${name}/loop/backing_file`, 'utf8').catch(() => '');
    if (file.startsWith(dir)) loops.push(`${name} of ${file.trim()}`);
  }
  const files = (await readdir(dir)).filter((name) => /^(task|warden)-/.test(name));
  return [...mounts, ...loops, ...files];
};

/** Whether a process runs; one that is dead and not yet collected by its parent does not. */
export const isRunning = async (pid: number): Promise<boolean> => {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  return stat !== '' && !/\) [ZX] /.test(stat);
};

/** Numbers of the processes whose command line holds `text`. */
export const processesWith = async (text: string): Promise<number[]> => {
  const found: number[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    const line = await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '');
    if (line.replaceAll('\0', ' ').includes(text)) found.push(Number(pid));
  }
  return found;
};
