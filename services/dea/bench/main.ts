import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '@vcap/testkit';
import type { Isolation } from '@vcap/warden';
import { World } from '../test/component/world.ts';

/**
 * What idle instances cost the DEA: `pnpm --filter @vcap/dea bench [instances] [process|runc]`. Samples, log looks, beats
 * and adverts run at their defaults. Prints the share of a core and the memory that each instance adds to the DEA.
 */
const instances = Number(process.argv[2] ?? 200);
const isolation = (process.argv[3] ?? 'process') as Isolation;
const SECONDS = 30;
const TICKS_PER_SECOND = 100;

const cpuSeconds = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
};
const residentMb = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) / 1024;

/** The smallest of some looks: garbage that was not collected yet is no cost. */
async function settled(pid: number): Promise<{ core: number; mb: number }> {
  const from = cpuSeconds(pid);
  let mb = Infinity;
  for (let second = 0; second < SECONDS; second += 1) {
    await sleep(1000);
    mb = Math.min(mb, residentMb(pid));
  }
  return { core: (cpuSeconds(pid) - from) / SECONDS, mb };
}

const world = await World.create(isolation);
try {
  const first = await freePort();
  await world.startDea({
    resources: { memory_mb: 1_000_000, disk_mb: 1_000_000 },
    intervals: { heartbeat: 10, advertise: 5 },
    port_range: { first: Math.min(first, 65_535 - 2 * instances), last: 65_535 },
  });
  const pid = world.dea?.pid ?? 0;
  const empty = await settled(pid);
  const began = performance.now();
  for (let index = 0; index < instances; index += 1)
    world.start('exec sleep 86400', { uris: [], index, limits: { mem: 32, disk: 32, fds: 64 } });
  await world.seen(
    () => world.beats.at(-1)?.droplets.filter(({ state }) => state === 'RUNNING').length === instances,
    600_000,
  );
  const startSeconds = (performance.now() - began) / 1000;
  await sleep(10_000);
  const full = await settled(pid);
  console.log(
    JSON.stringify({
      isolation,
      instances,
      start_seconds: Number(startSeconds.toFixed(1)),
      core_percent: Number((full.core * 100).toFixed(2)),
      core_percent_when_empty: Number((empty.core * 100).toFixed(2)),
      dea_mb: Math.round(full.mb),
      dea_mb_per_instance: Number(((full.mb - empty.mb) / instances).toFixed(3)),
    }),
  );
} finally {
  await world.close(300_000);
}
