import { execFile } from 'node:child_process';
import { createReadStream, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { PassThrough } from 'node:stream';
import { promisify } from 'node:util';
import { createGunzip, createGzip } from 'node:zlib';
import { tempDir } from '@vcap/testkit';
import { as, asRoot, BenchNode, makeWork } from '../test/support/bench-node.ts';
import { mariadb } from '../test/support/databases.ts';
import { seconds } from './stopwatch.ts';

const run = promisify(execFile);
const ROWS = 1600;

/** 100 MB out and in again by the node, and by hand with the same programs through a shell's pipe. */
export async function snapshot(): Promise<Record<string, number>> {
  const [dir, database] = await Promise.all([tempDir('vcap-bench'), mariadb()]);
  const bench = await BenchNode.start([database], { max_db_size: 1000, max_long_query: 0, max_long_tx: 0 });
  try {
    const instance = await bench.provision(database.version);
    // Half random, half text: compresses as rows do.
    await as(
      instance.credentials,
      'CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, a MEDIUMTEXT)',
      `INSERT INTO t (a) SELECT CONCAT(REPEAT('some words ', 3000), REPEAT(SHA2(RAND(), 512), 250)) FROM seq_1_to_${ROWS}`,
    );
    await asRoot(database.server.port, 'CREATE DATABASE by_hand');
    const [ours, byHand] = [join(dir.path, 'ours.gz'), join(dir.path, 'by-hand.gz')];
    const address = `--no-defaults -h127.0.0.1 -P${database.server.port} -uroot`;
    const shell = (line: string): Promise<unknown> => run('/bin/sh', ['-c', line]);
    const figures: Record<string, number[]> = {};
    const note = (name: string, value: number): void => void (figures[name] ??= []).push(value);
    for (let round = 0; round < 3; round++) {
      note(
        'dump by hand',
        await seconds(() =>
          shell(
            `${database.mysqldump_bin} ${address} --single-transaction --quick ${instance.name} | gzip > ${byHand}`,
          ),
        ),
      );
      note(
        'dump by the node',
        await seconds(async () => {
          const to = new PassThrough();
          await Promise.all([
            bench.node.dump(instance, to, makeWork()),
            pipeline(to, createGzip(), createWriteStream(ours)),
          ]);
        }),
      );
      note(
        'load by hand',
        await seconds(() => shell(`gunzip -c ${byHand} | ${database.mysql_bin} ${address} by_hand`)),
      );
      note(
        'load by the node',
        await seconds(async () => {
          const from = createReadStream(ours).pipe(createGunzip());
          await bench.node.load(instance, from, makeWork());
        }),
      );
    }
    return Object.fromEntries(
      Object.entries(figures).map(([name, values]) => [
        `${name}, seconds (median)`,
        values.toSorted((a, b) => a - b)[1] ?? 0,
      ]),
    );
  } finally {
    await bench.stop();
    await database.server.kill();
    await dir.remove();
  }
}
