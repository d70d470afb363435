import type { Platform } from '../../test/support/platform.ts';
import { BareWarden } from '../support/bare-warden.ts';
import { idleInstances } from '../support/idle-instances.ts';
import type { Figure } from '../support/report.ts';
import { median } from '../support/statistics.ts';
import { measureNeighbour } from './neighbour.ts';

const atOnce = 50;

/** What containers cost, and what a neighbour feels of a hostile application. */
export async function measureContainers(platform: Platform, rounds: number): Promise<Figure[]> {
  const neighbour = await measureNeighbour(platform);
  const warden = await BareWarden.open();
  try {
    return [await firstByte(warden, rounds), await manyAtOnce(warden), ...(await idle(rounds)), neighbour];
  } finally {
    await warden.close();
  }
}

async function firstByte(warden: BareWarden, rounds: number): Promise<Figure> {
  const runs: number[] = [];
  const floors: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    floors.push(await warden.serveBare());
    runs.push(await warden.serve());
    await warden.clear();
  }
  const over = median(runs) - median(floors);
  return {
    title:
      '(containers) from the order for a container to the first byte, with network, disk and every limit',
    unit: 'ms',
    runs,
    floor: { what: 'the same program as a plain child', runs: floors },
    targets: [{ value: over, target: { text: 'at most 100 ms over a plain child', most: 100 } }],
  };
}

async function manyAtOnce(warden: BareWarden): Promise<Figure> {
  const served = await Promise.allSettled(Array.from({ length: atOnce }, () => warden.serve()));
  const lost = served.filter(({ status }) => status === 'rejected').length;
  await warden.clear();
  return {
    title: `(containers) ${atOnce} ordered at once: first byte of each`,
    unit: 'ms',
    runs: served
      .flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
      .toSorted((a, b) => a - b),
    targets: [{ value: lost, target: { text: 'none is lost', most: 0 } }],
  };
}

async function idle(rounds: number): Promise<Figure[]> {
  const many = rounds < 10 ? 50 : 200;
  const { core_percent: core, dea_mb_per_instance: mb } = await idleInstances(many);
  const title = `(containers) ${many} idle instances in containers`;
  return [
    {
      title: `${title}: what samples, log looks, beats and adverts cost the DEA`,
      unit: '% of a core',
      runs: [core],
      targets: [{ value: core, target: { text: 'under 5 %', most: 5 } }],
    },
    {
      title: `${title}: memory of the DEA for each`,
      unit: 'MB',
      runs: [mb],
      targets: [{ value: mb, target: { text: 'at most 3 MB', most: 3 } }],
    },
  ];
}
