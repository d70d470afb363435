import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';
import type { Platform } from '../../test/support/platform.ts';
import { connectAs, serverOf } from '../../test/support/service-cluster.ts';
import type { Gateway } from '../support/gateway.ts';
import type { Figure } from '../support/report.ts';
import { median } from '../support/statistics.ts';
import { ms } from '../support/stopwatch.ts';

const run = promisify(execFile);
const megabytes = 100;
const rowBytes = 64 * 1024;
const mysqlNode = fileURLToPath(new URL('../../../../services/mysql-node/', import.meta.url));

/** A snapshot and its rollback by the jobs of the gateway, and the same by hand on the same server. */
export async function snapshots(platform: Platform, gateway: Gateway): Promise<Figure[]> {
  await platform.ok('create-service', 'mysql', 'big', '--plan', 'standard');
  const { service_id: id, credentials } = await gateway.known();
  const tenant = await connectAs(credentials);
  await tenant.query('CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, a MEDIUMTEXT)');
  // Half random, half text, as rows are; small statements, as long ones are ended.
  for (let row = 0; row < (megabytes * 2 ** 20) / rowBytes; row += 16)
    await tenant.query(
      `INSERT INTO t (a) SELECT CONCAT(REPEAT('some words ', 2979), REPEAT(SHA2(RAND(), 512), 256)) FROM seq_1_to_16`,
    );
  tenant.destroy();
  const server = serverOf(platform);
  const flags = `--defaults-file=${join(platform.home, 'bench.cnf')}`;
  await writeFile(
    join(platform.home, 'bench.cnf'),
    `[client]\nsocket=${server.socketPath ?? ''}\nuser=${server.user ?? ''}\npassword=${server.password ?? ''}\n`,
    { mode: 0o600 },
  );
  const file = join(platform.home, 'by-hand.gz');
  const shell = (line: string): Promise<unknown> => run('/bin/sh', ['-c', line]);
  await shell(`mariadb ${flags} -e 'CREATE DATABASE by_hand'`);
  const [takes, dumps, rollbacks, loads]: [number[], number[], number[], number[]] = [[], [], [], []];
  for (let round = 0; round < 3; round++) {
    dumps.push(
      await ms(() => shell(`mariadb-dump ${flags} --single-transaction --quick ${id} | gzip > ${file}`)),
    );
    let snapshot = '';
    takes.push(await ms(async () => void (snapshot = await gateway.snapshot(id))));
    loads.push(await ms(() => shell(`gunzip -c ${file} | mariadb ${flags} by_hand`)));
    rollbacks.push(await ms(() => gateway.rollback(id, snapshot)));
  }
  await platform.ok('delete-service', 'big');
  return [
    compared(`snapshot of ${megabytes} MB`, takes, 'mysqldump | gzip', dumps),
    compared(`rollback of ${megabytes} MB`, rollbacks, 'gunzip | mysql', loads),
  ];
}

function compared(title: string, runs: number[], what: string, floors: number[]): Figure {
  return {
    title,
    unit: 'ms',
    runs,
    floor: { what: `${what} by hand`, runs: floors },
    targets: [{ value: median(runs) / median(floors), target: { text: 'at most 1.5 x by hand', most: 1.5 } }],
  };
}

const many = z.object({
  instances: z.number(),
  start: z.number(),
  quotaPasses: z.array(z.number()),
  announcementsOfFew: z.array(z.number()),
  announcementsOfMany: z.array(z.number()),
});

/** One node with that many, on servers of their own: the node's bench. */
export async function manyInstances(count: number): Promise<Figure[]> {
  const argv = ['--conditions=source', '--no-warnings', 'bench/main.ts', String(count), 'many'];
  const { stdout } = await run(process.execPath, argv, { cwd: mysqlNode, maxBuffer: 1 << 24 });
  const seen = z.object({ many }).parse(JSON.parse(stdout)).many;
  const of = `with ${seen.instances} instances`;
  const few = median(seen.announcementsOfFew);
  const full = median(seen.announcementsOfMany);
  return [
    {
      title: `start of a node ${of}`,
      unit: 'ms',
      runs: [seen.start],
      targets: [{ value: seen.start, target: { text: 'under 3000 ms', most: 3000 } }],
    },
    {
      title: `quota pass ${of}`,
      unit: 'ms',
      runs: seen.quotaPasses,
      targets: [{ value: median(seen.quotaPasses), target: { text: 'under 2000 ms', most: 2000 } }],
    },
    {
      title: `announcement ${of}, there and back on the bus`,
      unit: 'ms',
      runs: seen.announcementsOfMany,
      floor: { what: 'with 10 instances', runs: seen.announcementsOfFew },
      targets: [{ value: full / few, target: { text: 'flat: at most 2 x of that with 10', most: 2 } }],
    },
  ];
}
