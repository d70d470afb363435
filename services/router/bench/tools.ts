import { execFile, execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** Which of the programs are missing here. */
export function missing(...programs: string[]): string[] {
  return programs.filter((program) => {
    try {
      execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
      return false;
    } catch {
      return true;
    }
  });
}

/** A process and all that it started. */
export function tree(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const parent = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))?.[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
    } catch {
      // It ended meanwhile.
    }
  }
  const found = [pid];
  for (const each of found) found.push(...(children.get(each) ?? []));
  return found;
}

/**
 * Keeps processes, with all their threads, on one core: what is measured has the first to itself, and what loads it and
 * answers it share the second, so that nobody pays for another's moves. Without `taskset`, or on one core, they go where
 * they like.
 */
export function pin(pids: readonly number[], core: 0 | 1): void {
  if (!pins) return;
  for (const pid of pids) {
    try {
      execFileSync('taskset', ['-acp', String(core), String(pid)], { stdio: 'ignore' });
    } catch {
      // It ended meanwhile.
    }
  }
}

/** Whether processes are kept on cores. */
export const pins = cpus().length > 1 && missing('taskset').length === 0;

/** Microseconds of CPU that processes have used, by the scheduler's own count. */
export function cpuMicros(pids: readonly number[]): number {
  let nanos = 0;
  for (const pid of pids) {
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      try {
        nanos += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
      } catch {
        // The thread ended meanwhile.
      }
    }
  }
  return nanos / 1000;
}

/** Resident memory in KB. */
export function residentKb(pids: readonly number[]): number {
  let sum = 0;
  for (const pid of pids) {
    sum += Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  }
  return sum;
}

/** What one run of wrk told; latencies in ms. */
export interface Load {
  readonly requests: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly errors: string;
}

/** Runs wrk on one thread. */
export function wrk(
  url: string,
  options: { connections: number; seconds: number; headers?: readonly string[] },
): Promise<Load> {
  const headers = (options.headers ?? []).flatMap((each) => ['-H', each]);
  const args = ['-t1', `-c${options.connections}`, `-d${options.seconds}s`, '--latency', ...headers, url];
  const [program, given] = pins ? ['taskset', ['-c', '1', 'wrk', ...args]] : ['wrk', args];
  return new Promise((resolve, reject) => {
    execFile(program, given, (error, out) => {
      if (error !== null) return reject(error);
      const ms = (percent: number): number => {
        const found = new RegExp(`^\\s+${percent}%\\s+([\\d.]+)(us|ms|s)`, 'm').exec(out);
        const unit = { us: 0.001, ms: 1, s: 1000 }[found?.[2] ?? 'ms'] ?? 1;
        return Number(found?.[1] ?? 0) * unit;
      };
      resolve({
        requests: Number(/(\d+) requests in/.exec(out)?.[1] ?? 0),
        perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(out)?.[1] ?? 0),
        p50: ms(50),
        p99: ms(99),
        errors: [/Non-2xx or 3xx responses: \d+/.exec(out)?.[0], /Socket errors:.*/.exec(out)?.[0]]
          .filter(Boolean)
          .join('; '),
      });
    });
  });
}

/** The middle of a list. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** How many files, and so connections, this process may open. */
export function openFilesLimit(): number {
  return Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 1024);
}
