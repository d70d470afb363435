import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Instance } from './instance.ts';

const run = promisify(execFile);
const DU_TIMEOUT_MS = 60_000;

/** How much of crashed instances is kept. */
export interface CrashLimits {
  lifetimeMs: number;
  perApp: number;
  /** Of all their files together. */
  maxBytes: number;
}

/**
 * Crashed instances that have to go: the too old, and those that do not fit. The newest of every application comes
 * first, then the others by age. One that is not measured yet counts as nothing.
 */
export function surplusCrashes(
  crashed: readonly Instance[],
  { lifetimeMs, maxBytes, perApp }: CrashLimits,
  nowMs: number,
): Instance[] {
  const ranks = new Map<Instance, number>();
  const counts = new Map<string, number>();
  const newestFirst = crashed.toSorted((left, right) => right.stateSinceMs - left.stateSinceMs);
  for (const instance of newestFirst) {
    const rank = counts.get(instance.message.droplet) ?? 0;
    counts.set(instance.message.droplet, rank + 1);
    ranks.set(instance, rank);
  }
  const isLater = (instance: Instance): number => (ranks.get(instance) === 0 ? 0 : 1);
  const byWorth = newestFirst.toSorted((left, right) => isLater(left) - isLater(right));
  let bytes = 0;
  return byWorth.filter((instance) => {
    const size = instance.crashBytes ?? 0;
    const old = nowMs - instance.stateSinceMs > lifetimeMs;
    if (old || (ranks.get(instance) ?? 0) >= perApp || bytes + size > maxBytes) return true;
    bytes += size;
    return false;
  });
}

/** Notes what the files of a crashed instance take. By a program, as a hostile one may have left a million of them. */
export async function measureCrash(instance: Instance): Promise<void> {
  if (instance.crashBytes !== undefined) return;
  try {
    const args = ['--summarize', '--block-size=1', '--', instance.rootDir];
    const { stdout } = await run('du', args, { timeout: DU_TIMEOUT_MS, env: { PATH: '/usr/bin:/bin' } });
    instance.crashBytes = Number.parseInt(stdout, 10);
  } catch (error) {
    // Something of it cannot be read: du has said what it could.
    const told = Number.parseInt((error as { stdout?: string }).stdout ?? '', 10);
    instance.crashBytes = Number.isNaN(told) ? 0 : told;
  }
}

/** Why it crashed, with the status of its program where it came to one. */
export function crashText({ exit, exitDescription = '' }: Instance): string {
  return exit === undefined ? exitDescription : `${exitDescription} (status ${exit.exitStatus})`;
}
