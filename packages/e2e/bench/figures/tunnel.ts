import { createReadStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import type { Connection } from 'mysql2/promise';
import { parse } from 'yaml';
import { z } from 'zod';
import type { Platform } from '../../test/support/platform.ts';
import {
  createService,
  dump,
  helperProcess,
  liftDatabaseLimits,
  OpenTunnel,
  query,
  vmcWith,
} from '../../test/support/tunnels.ts';
import type { Access } from '../../test/support/tunnels.ts';
import { componentsOf, residentMb } from '../support/processes.ts';
import type { Figure } from '../support/report.ts';
import { median } from '../support/statistics.ts';

const SELECTS = 500;
/** An application has 256 file descriptors: its helper opens no more tunnels than it has them for. */
const HELPER_AT_ONCE = 60;
const DIRECT_AT_ONCE = 200;
const ROW_BYTES = 9600;
/** How each way may be slower than the database's own port. */
const ways = [
  { name: 'WebSocket', flags: ['--transport', 'websocket'], addedMs: 1, share: 0.5 },
  { name: 'HTTP', flags: ['--transport', 'http'], addedMs: 5, share: 0.15 },
  { name: '--direct', flags: ['--direct'], addedMs: 1, share: 0.5 },
];
type Way = (typeof ways)[number];

/** The tunnel through router and DEA against the same client on the database's port (issue of the tunnel, §3). */
export async function measureTunnel(platform: Platform, rounds: number): Promise<Figure[]> {
  const megabytes = rounds < 10 ? 40 : 200;
  const loads = rounds < 10 ? 1 : 3;
  await liftDatabaseLimits(platform);
  await createService(platform, 'db1');
  const figures: Figure[] = [];
  let filled: string | undefined;
  let floors: Floors | undefined;
  for (const way of ways) {
    const tunnel = await OpenTunnel.open(platform, 'db1', ...way.flags);
    try {
      const own = await ownPort(platform, tunnel.access);
      figures.push(await atOnce(platform, way, tunnel));
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

/** The address that the cluster tells applications, with an account that is known. */
async function ownPort(platform: Platform, access: Access): Promise<Access> {
  const schema = z.object({
    mysql: z.record(z.string(), z.object({ public_host: z.string(), public_port: z.int() })),
  });
  const file = join(platform.home, 'config', 'mysql-node-0.yml');
  const [server] = Object.values(schema.parse(parse(await readFile(file, 'utf8'))).mysql);
  if (!server) throw new Error('the node has no server');
  return { ...access, host: server.public_host, port: server.public_port };
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
    dumps: await times(loads, () => timed(() => dump(own))),
    loads: await times(loads, () => timed(() => query(own, createReadStream(file)))),
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
    figure('mysqldump', await times(rounds, () => timed(() => dump(access))), floors.dumps),
    figure(
      'loading that dump',
      await times(rounds, () => timed(() => query(access, createReadStream(file)))),
      floors.loads,
    ),
  ];
}

/** Each has an answer of 1 MB on its way that nobody reads. */
async function atOnce(platform: Platform, way: Way, tunnel: OpenTunnel): Promise<Figure> {
  const { pid } = way.name === '--direct' ? await endpoint(platform) : await helperProcess(platform);
  const before = { caldecott: await residentMb(pid), vmc: await residentMb(tunnel.pid) };
  const connections: Connection[] = [];
  const many = way.name === '--direct' ? DIRECT_AT_ONCE : HELPER_AT_ONCE;
  try {
    for (let count = 0; count < many; count += 20)
      connections.push(
        ...(await Promise.all(Array.from({ length: 20 }, () => createConnection(optionsOf(tunnel.access))))),
      );
    const [sample] = await Promise.all(
      connections.map((connection) => connection.query("SELECT REPEAT('x', 1000000) AS x")),
    );
    if (!Array.isArray(sample)) throw new Error('no answer');
    const mib = async (of: number, was: number): Promise<number> =>
      (1000 * ((await residentMb(of)) - was)) / many;
    const each = { caldecott: await mib(pid, before.caldecott), vmc: await mib(tunnel.pid, before.vmc) };
    return {
      title: `(tunnel) memory of caldecott for each of ${many} tunnels over ${way.name}, 1 MB through each at once`,
      unit: 'kB',
      runs: [each.caldecott],
      notes: [`vmc: ${each.vmc.toFixed(0)} kB each`],
      targets: [],
    };
  } catch (cause) {
    throw new Error(`${connections.length} connections, then: ${tunnel.output}`, { cause });
  } finally {
    for (const connection of connections) connection.destroy();
  }
}

/** `vmc tunnel` with the helper there: from the command to the end of the client's first and only query. */
async function prompt(platform: Platform, way: Way, rounds: number): Promise<Figure> {
  const runs = await times(rounds, () =>
    timed(async () => {
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

async function endpoint(platform: Platform): Promise<{ pid: number }> {
  const found = (await componentsOf(platform)).find(({ name }) => name === 'caldecott-0');
  if (!found) throw new Error('caldecott-0 does not run');
  return found;
}

async function selects(access: Access): Promise<number> {
  const connection = await createConnection(optionsOf(access));
  try {
    const each: number[] = [];
    for (let count = 0; count < SELECTS; count += 1)
      each.push(await timed(() => connection.query('SELECT 1')));
    return median(each);
  } finally {
    connection.destroy();
  }
}

const optionsOf = ({ host, port, user, password, name }: Access) => ({
  host,
  port,
  user,
  password,
  database: name,
});

async function times(count: number, measure: () => Promise<number>): Promise<number[]> {
  const runs: number[] = [];
  for (let run = 0; run < count; run += 1) runs.push(await measure());
  return runs;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
