import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { createWriteStream, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startProcess, tempDir } from '@vcap/testkit';
import type { TempDir } from '@vcap/testkit';
import { as, BenchNode, makeWork, traces } from './support/bench-node.ts';
import { START_LIMIT_MS, startDatabases } from './support/databases.ts';
import type { TestDatabase } from './support/databases.ts';
import type { LoadAndDie } from './support/load-and-die.ts';

const program = fileURLToPath(new URL('support/load-and-die.ts', import.meta.url));
let databases: TestDatabase[];
let dir: TempDir;
let bench: BenchNode | undefined;
beforeAll(async () => {
  databases = await startDatabases();
  dir = await tempDir('vcap-load-crash');
}, START_LIMIT_MS);
afterEach(async () => bench?.stop());
afterAll(async () => {
  for (const { server } of databases ?? []) await server.stop();
  await dir?.remove();
});

/** Runs a load in a process of its own that may end itself; gives its exit. */
async function loadIn(options: LoadAndDie): Promise<number | NodeJS.Signals> {
  const file = join(dir.path, 'load.json');
  writeFileSync(file, JSON.stringify(options));
  const running = await startProcess({
    argv: [process.execPath, '--conditions=source', program, file],
    env: { ...process.env, NODE_COMPILE_CACHE: join(dir.path, 'compiled') },
  });
  const exit = await running.exited;
  if (exit !== 0 && exit !== 'SIGKILL') throw new Error(running.output());
  return exit;
}

test.each([0, 1])(
  'killed at every step of a load: the old data or the new, whole, and no trace (%i)',
  async (nth) => {
    const database = databases[nth];
    if (!database) {
      process.stderr.write('skipped: no second kind of server\n');
      return;
    }
    const { version, server, mysql_bin, mysqldump_bin } = database;
    const registryFile = join(dir.path, `registry-${version}.json`);
    const dump = join(dir.path, `${version}.sql`);
    const stepsFile = join(dir.path, `steps-${version}`);
    bench = await BenchNode.start([database], {}, { registryFile });
    const instance = await bench.provision(version);
    const binding = await bench.bind(instance);
    const { credentials } = binding;
    const fill = (value: number): Promise<unknown> =>
      as(
        credentials,
        'DROP TABLE IF EXISTS t, log, extra',
        'DROP VIEW IF EXISTS v',
        'CREATE TABLE t (a INT)',
        'CREATE TABLE log (a INT)',
        `INSERT INTO t VALUES (${value})`,
        'CREATE VIEW v AS SELECT a FROM t',
        'CREATE TRIGGER tr AFTER INSERT ON t FOR EACH ROW INSERT INTO log VALUES (NEW.a)',
      );
    await fill(1);
    await bench.node.dump(instance, createWriteStream(dump), makeWork());
    const before = await traces(server.port);
    await bench.stop();
    bench = undefined;

    const run = (dieAt: number): Promise<number | NodeJS.Signals> =>
      loadIn({
        database: { version, mysql_bin, mysqldump_bin, port: server.port },
        registryFile,
        instance: instance.name,
        dump,
        dieAt,
        stepsFile,
      });
    await expect(run(0)).resolves.toBe(0);
    const steps = readFileSync(stepsFile, 'utf8').trim().split('\n');
    const swapAt = steps.indexOf('swap-intent') + 1;
    expect(swapAt).toBeGreaterThan(3);

    // What comes before the swap is the same on both kinds of servers.
    for (let dieAt = nth === 0 ? 1 : swapAt; dieAt <= steps.length; dieAt++) {
      await fill(2);
      await as(credentials, 'CREATE TABLE extra (a INT)');
      expect([dieAt, await run(dieAt)]).toEqual([dieAt, 'SIGKILL']);
      const step = steps[dieAt - 1];
      bench = await BenchNode.start([database], {}, { registryFile });
      const [row] = await as(credentials, 'SELECT a FROM v').catch((error: unknown) => [
        { a: String(error) },
      ]);
      expect([step, row?.['a']]).toEqual([step, dieAt <= swapAt ? 2 : 1]);
      await as(credentials, 'INSERT INTO t VALUES (7)');
      expect([step, (await as(credentials, 'SELECT a FROM log'))[0]?.['a']]).toEqual([step, 7]);
      expect([step, await traces(server.port)]).toEqual([step, before]);
      await bench.stop();
      bench = undefined;
    }
  },
  240_000,
);
