import { readFile, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Platform } from '../../test/support/platform.ts';

const runFile = z.looseObject({ children: z.array(z.looseObject({ name: z.string(), pid: z.int() })) });

/** The cluster's own processes as its run file names them. */
export async function componentsOf(platform: Platform): Promise<{ name: string; pid: number }[]> {
  return runFile.parse(JSON.parse(await readFile(join(platform.home, 'run.json'), 'utf8'))).children;
}

/** Resident memory of a process in MB (10^6 bytes). */
export async function residentMb(pid: number | 'self'): Promise<number> {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1];
  return (Number(kib) * 1024) / 1e6;
}

/** Pids of programs that run in an instance's directory of this cluster and are named `program`. */
export async function instancePids(platform: Platform, program: string): Promise<number[]> {
  const pids: number[] = [];
  for (const name of (await readdir('/proc')).filter((each) => /^\d+$/.test(each))) {
    const [cwd, exe] = await Promise.all([
      readlink(`/proc/${name}/cwd`).catch(() => ''),
      readlink(`/proc/${name}/exe`).catch(() => ''),
    ]);
    if (cwd.startsWith(platform.home) && cwd.endsWith('/app') && exe.endsWith(`/${program}`))
      pids.push(Number(name));
  }
  return pids;
}
