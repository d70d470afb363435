import { setTimeout as sleep } from 'node:timers/promises';
import { spawn } from 'node:child_process';
import type { Platform } from '../../test/support/platform.ts';
import { componentsOf, residentMb } from '../support/processes.ts';
import type { Figure } from '../support/report.ts';
import { median } from '../support/statistics.ts';

const settleMs = 2000;
const betweenMs = 500;
/** Not ours: measured, without a goal. */
const servers = new Set(['nats', 'redis', 'mariadb']);

/** Resident memory of each component when nothing happens. One figure per component. */
export async function measureMemory(platform: Platform, rounds: number): Promise<Figure[]> {
  await sleep(settleMs);
  const components = await componentsOf(platform);
  const samples = new Map<string, number[]>(components.map(({ name }) => [name, []]));
  const floors: number[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const { name, pid } of components) samples.get(name)?.push(await residentMb(pid));
    floors.push(await bareNodeMb());
    await sleep(betweenMs);
  }
  return [...samples].map(([name, runs]) => ({
    title: `(d) idle resident memory of ${name}`,
    unit: 'MB',
    runs,
    floor: { what: 'a Node.js that does nothing', runs: floors },
    targets: servers.has(name)
      ? []
      : [{ value: median(runs), target: { text: 'at most 100 MB', most: 100 } }],
  }));
}

async function bareNodeMb(): Promise<number> {
  const idle = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e9); console.log("up")'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await new Promise((resolve, reject) => {
      idle.stdout.once('data', resolve);
      idle.once('error', reject);
    });
    return await residentMb(idle.pid ?? 0);
  } finally {
    idle.kill('SIGKILL');
  }
}
