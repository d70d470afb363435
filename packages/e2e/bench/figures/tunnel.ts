import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Platform } from '../../test/support/platform.ts';
import { addressTold } from '../../test/support/service-cluster.ts';
import {
  createService,
  dump,
  liftDatabaseLimits,
  OpenTunnel,
  query,
  vmcWith,
} from '../../test/support/tunnels.ts';
import type { Access } from '../../test/support/tunnels.ts';
import type { Figure } from '../support/report.ts';
import { median } from '../support/statistics.ts';
import { ms } from '../support/stopwatch.ts';
import { connectTo, measuredWays } from '../support/tunnel-ways.ts';
import type { Way } from '../support/tunnel-ways.ts';
import { memoryOfTunnels } from './tunnel-memory.ts';

const SELECTS = 500;
const ROW_BYTES = 9600;

/** The tunnel through router and DEA against the same client on the database's port (issue of the tunnel, §3). */
export async function measureTunnel(platform: Platform, rounds: number): Promise<Figure[]> {
  const megabytes = rounds < 10 ? 40 : 200;
  const loads = rounds < 10 ? 1 : 3;
  await liftDatabaseLimits(platform);
  await createService(platform, 'db1');
  const figures: Figure[] = [];
  let filled: string | undefined;
  let floors: Floors | undefined;
  for (const way of measuredWays) {
    const tunnel = await OpenTunnel.open(platform, 'db1', ...way.flags);
    try {
      const own = { ...tunnel.access, ...addressTold(platform) };
      figures.push(await memoryOfTunnels(platform, way, tunnel));
      filled ??= await fill(own, megabytes, join(platform.home, 'dump.sql'));
      floors ??= await measureFloors(own, filled, rounds, loads);
      figures.push(await latency(way, tunnel.access, floors, rounds));
      figures.push(...(await throughput(way, tunnel.access, floors, filled, loads)));
    } finally {
      await tunnel.end();
    }
    figures.push(await prompt(platform, way, rounds));
  }
  return figures;
}

interface Floors {
  selects: number[];
  dumps: number[];
  loads: number[];
}

/** A table of that size, and a dump of it in a file. */
async function fill(access: Access, megabytes: number, file: string): Promise<string> {
  const rows = Math.ceil((megabytes * 1e6) / ROW_BYTES);
  await query(access, 'CREATE TABLE big (id INT PRIMARY KEY, t TEXT);');
  for (let from = 1; from <= rows; from += 2000) {
    const to = Math.min(rows, from + 1999);
    await query(access, `INSERT INTO big SELECT seq, REPEAT(MD5(seq), 300) FROM seq_${from}_to_${to};`);
  }
  await writeFile(file, await dumpText(access));
  return file;
}

async function dumpText(access: Access): Promise<Buffer> {
  const pieces: Buffer[] = [];
  const { status, errors } = await dump(access, undefined, (piece) => pieces.push(piece));
  if (status !== 0) throw new Error(errors);
  return Buffer.concat(pieces);
}

async function measureFloors(own: Access, file: string, rounds: number, loads: number): Promise<Floors> {
  return {
    selects: await times(rounds, () => selects(own)),
    dumps: await times(loads, () => ms(() => dump(own))),
    loads: await times(loads, () => ms(() => query(own, createReadStream(file)))),
  };
}

async function latency(way: Way, access: Access, floors: Floors, rounds: number): Promise<Figure> {
  const runs = await times(rounds, () => selects(access));
  const added = median(runs) - median(floors.selects);
  return {
    title: `(tunnel) SELECT 1 over ${way.name}, median of ${SELECTS}`,
    unit: 'ms',
    runs,
    floor: { what: "the same client on the database's port", runs: floors.selects },
    targets: [{ value: added, target: { text: `at most +${way.addedMs} ms`, most: way.addedMs } }],
  };
}

async function throughput(
  { name, share }: Way,
  access: Access,
  floors: Floors,
  file: string,
  rounds: number,
): Promise<Figure[]> {
  const figure = (what: string, runs: number[], floor: number[]): Figure => ({
    title: `(tunnel) ${what} over ${name}`,
    unit: 'ms',
    runs,
    floor: { what: "the same client on the database's port", runs: floor },
    notes: [`${((100 * median(floor)) / median(runs)).toFixed(0)} % of the direct throughput`],
    targets: [
      {
        value: median(runs) / median(floor),
        target: { text: `at least ${share * 100} % of the direct throughput`, most: 1 / share },
      },
    ],
  });
  return [
    figure('mysqldump', await times(rounds, () => ms(() => dump(access))), floors.dumps),
    figure(
      'loading that dump',
      await times(rounds, () => ms(() => query(access, createReadStream(file)))),
      floors.loads,
    ),
  ];
}

/** `vmc tunnel` with the helper there: from the command to the end of the client's first and only query. */
async function prompt(platform: Platform, way: Way, rounds: number): Promise<Figure> {
  const runs = await times(rounds, () =>
    ms(async () => {
      const { status, output } = await vmcWith(
        platform,
        'SELECT 1;',
        'tunnel',
        'db1',
        'mysql',
        '-n',
        ...way.flags,
      );
      if (status !== 0) throw new Error(output);
    }),
  );
  return {
    title: `(tunnel) vmc tunnel db1 mysql over ${way.name}, from the command to the answer and the end`,
    unit: 'ms',
    runs,
    targets: [{ value: median(runs), target: { text: 'a prompt in at most 1500 ms', most: 1500 } }],
  };
}

async function selects(access: Access): Promise<number> {
  const connection = await connectTo(access);
  try {
    const each: number[] = [];
    for (let count = 0; count < SELECTS; count += 1) each.push(await ms(() => connection.query('SELECT 1')));
    return median(each);
  } finally {
    connection.destroy();
  }
}

async function times(count: number, measure: () => Promise<number>): Promise<number[]> {
  const runs: number[] = [];
  for (let run = 0; run < count; run += 1) runs.push(await measure());
  return runs;
}
