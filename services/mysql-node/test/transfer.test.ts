import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { existsSync } from 'node:fs';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Instance } from '@vcap/service-base';
import { waitFor } from '@vcap/testkit';
import { dataOf } from '../src/instance-data.ts';
import { as, asRoot, BenchNode, makeWork, traces } from './support/bench-node.ts';
import { START_LIMIT_MS, startDatabases } from './support/databases.ts';
import type { TestDatabase } from './support/databases.ts';

let databases: TestDatabase[];
let bench: BenchNode;
beforeAll(async () => {
  databases = await startDatabases();
  bench = await BenchNode.start(databases, { max_db_size: 16, max_long_query: 0, max_long_tx: 0 });
}, START_LIMIT_MS);
afterAll(async () => {
  await bench?.stop();
  for (const { server } of databases ?? []) await server.stop();
});
const onEach = async (check: (database: TestDatabase) => Promise<void>): Promise<void> => {
  for (const database of databases) await check(database);
};
async function dump(instance: Instance): Promise<Buffer> {
  const to = new PassThrough();
  const [bytes] = await Promise.all([buffer(to), bench.node.dump(instance, to, makeWork())]);
  return bytes;
}
const load = (instance: Instance, text: string | Buffer): Promise<void> =>
  bench.node.load(instance, Readable.from([Buffer.from(text)]), makeWork());

/** One of everything that a schema can hold. */
const RICH = [
  'CREATE TABLE parent (id INT PRIMARY KEY, b LONGBLOB)',
  'CREATE TABLE child (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES parent (id))',
  'CREATE TABLE `odd ``name´ 日本` (a INT) ',
  'CREATE TABLE log (a INT)',
  "INSERT INTO parent VALUES (1, CONCAT(CHAR(0), 'CREATE DEFINER=`x`@`y` PROCEDURE', CHAR(10), CHAR(255 USING binary)))",
  'INSERT INTO child VALUES (1, 1)',
  'INSERT INTO `odd ``name´ 日本` VALUES (5)',
  'CREATE VIEW v AS SELECT id + 1 AS n FROM parent',
  'CREATE VIEW a_view_on_v AS SELECT n + 1 AS m FROM v',
  'CREATE TRIGGER tr AFTER INSERT ON child FOR EACH ROW INSERT INTO log VALUES (NEW.id)',
  'CREATE PROCEDURE p() BEGIN SELECT COUNT(*) AS n FROM log; END',
  'CREATE FUNCTION f(x INT) RETURNS INT DETERMINISTIC RETURN x * 2',
  'CREATE EVENT e ON SCHEDULE EVERY 1 YEAR DO INSERT INTO log VALUES (0)',
];
async function expectRich(instance: Instance): Promise<void> {
  const { credentials } = instance;
  const [row] = await as(credentials, 'SELECT HEX(b) AS b FROM parent');
  expect(row?.['b']).toBe(
    Buffer.concat([Buffer.from('\0CREATE DEFINER=`x`@`y` PROCEDURE\n'), Buffer.from([255])])
      .toString('hex')
      .toUpperCase(),
  );
  expect((await as(credentials, 'SELECT m FROM a_view_on_v'))[0]?.['m']).toBe(3);
  expect((await as(credentials, 'SELECT a FROM `odd ``name´ 日本`'))[0]?.['a']).toBe(5);
  await as(credentials, 'DELETE FROM log', 'INSERT INTO child VALUES (99, 1)');
  expect((await as(credentials, 'SELECT a FROM log'))[0]?.['a']).toBe(99);
  expect((await as(credentials, 'SELECT f(21) AS x'))[0]?.['x']).toBe(42);
  await as(credentials, 'CALL p()', 'DELETE FROM child WHERE id = 99');
  expect(await as(credentials, 'SHOW EVENTS')).toHaveLength(1);
  await expect(as(credentials, 'INSERT INTO child VALUES (3, 77)')).rejects.toMatchObject({ errno: 1452 });
  const definers = await as(
    credentials,
    `SELECT DISTINCT DEFINER AS d FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = '${instance.name}'
     UNION SELECT DEFINER FROM information_schema.VIEWS WHERE TABLE_SCHEMA = '${instance.name}'
     UNION SELECT DEFINER FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = '${instance.name}'`,
  );
  expect(definers.map((each) => String(each['d']))).toEqual([`${String(credentials['user'])}@%`]);
}

describe('a dump that is loaded', () => {
  test('brings everything back, and what came later is gone', () =>
    onEach(async ({ version, server }) => {
      const instance = await bench.provision(version);
      const binding = await bench.bind(instance);
      await as(binding.credentials, ...RICH);
      const bytes = await dump(instance);
      await as(
        instance.credentials,
        'CREATE TABLE later (a INT)',
        'DELETE FROM child',
        'DROP VIEW a_view_on_v',
      );
      const before = await traces(server.port);
      await load(instance, bytes);
      await expectRich(instance);
      await expect(as(instance.credentials, 'SELECT * FROM later')).rejects.toMatchObject({ errno: 1146 });
      expect(await traces(server.port)).toEqual(before);
      await load(instance, bytes);
      await expectRich(instance);
    }));

  test('goes into another instance, and from one kind of server to another where both know its words', () =>
    onEach(async ({ version }) => {
      const [one, two] = [await bench.provision(version), await bench.provision(version)];
      await as(one.credentials, ...RICH);
      await load(two, await dump(one));
      await bench.unprovision(one);
      await expectRich(two);
    }));

  test('lets nobody see half of it', () =>
    onEach(async ({ version }) => {
      const instance = await bench.provision(version);
      await as(instance.credentials, 'CREATE TABLE t (a INT)', 'INSERT INTO t VALUES (1), (2)');
      const bytes = await dump(instance);
      await as(instance.credentials, 'INSERT INTO t VALUES (3)');
      const seen = new Set<number>();
      const end = new AbortController();
      const looking = (async () => {
        while (!end.signal.aborted) {
          // Shut out, or thrown out, for a moment: as when a server is started again.
          await as(instance.credentials, 'SELECT COUNT(*) AS n FROM t').then(
            ([row]) => seen.add(Number(row?.['n'])),
            (error: { errno?: number; code?: string }) => {
              if (error.errno === 1146) seen.add(-1);
            },
          );
        }
      })();
      await load(instance, bytes);
      await waitFor(() => seen.has(2));
      end.abort();
      await looking;
      expect([...seen].toSorted((a, b) => a - b)).toEqual([2, 3]);
    }));
});

describe('a dump that cannot be loaded', () => {
  test('leaves the old data, and the reason is told', () =>
    onEach(async ({ version, server }) => {
      const instance = await bench.provision(version);
      await as(instance.credentials, ...RICH);
      const before = await traces(server.port);
      await expect(load(instance, 'CREATE TABLE t (a INT);\nBROKEN nonsense;\n')).rejects.toThrow(
        /could not be loaded.*syntax/,
      );
      const whole = await dump(instance);
      await expect(load(instance, whole.subarray(0, Math.floor(whole.length / 2)))).rejects.toThrow(
        /could not be loaded/,
      );
      await expect(bench.node.load(instance, Readable.from(failing()), makeWork())).rejects.toThrow(
        'the source broke',
      );
      await expectRich(instance);
      expect(await traces(server.port)).toEqual(before);
      expect(dataOf(bench.registry.instance(instance.name) ?? instance).load).toBeNull();
    }));

  test(
    'because it is larger than the plan allows is stopped on the way',
    () =>
      onEach(async ({ version, server }) => {
        const instance = await bench.provision(version);
        await as(instance.credentials, 'CREATE TABLE t (a INT)');
        const before = await traces(server.port);
        async function* endless(): AsyncGenerator<string> {
          yield 'CREATE TABLE t (a LONGTEXT);\n';
          for (let row = 0; row < 300; row++) yield `INSERT INTO t VALUES ('${'x'.repeat(500_000)}');\n`;
        }
        await expect(bench.node.load(instance, Readable.from(endless()), makeWork())).rejects.toThrow(
          'larger than the plan allows: 16 MB',
        );
        expect(await traces(server.port)).toEqual(before);
        expect(await as(instance.credentials, 'SELECT * FROM t')).toEqual([]);
      }),
    90_000,
  );

  test('when nobody waits any more', () =>
    onEach(async ({ version, server }) => {
      const instance = await bench.provision(version);
      const before = await traces(server.port);
      const stop = new AbortController();
      const never = new PassThrough();
      never.write('CREATE TABLE t (a INT);\n');
      const work = { ...makeWork(), signal: stop.signal };
      const loading = bench.node.load(instance, never, work);
      await waitFor(async () => (await traces(server.port)).length > before.length);
      stop.abort(new Error('given up'));
      await expect(loading).rejects.toThrow('given up');
      expect(await traces(server.port)).toEqual(before);
    }));
});

describe('a hostile dump', () => {
  const marker = '/tmp/vcap-hostile-dump';
  test.each([
    ['runs no command of the client', `\\! touch ${marker}\nsystem touch ${marker}\n\\. /etc/passwd\n`],
    [
      'reads no file of the node',
      "CREATE TABLE t (a TEXT);\nLOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t;\n",
    ],
    ['writes no file', `tee ${marker}\n\\T ${marker}\nSELECT 1 INTO OUTFILE '${marker}';\n`],
    ['touches no other schema', 'USE mysql;\nDELETE FROM user;\n'],
    ['makes no account', "CREATE USER 'x'@'%' IDENTIFIED BY 'y';\n"],
    ['takes no rights', 'GRANT ALL ON *.* TO CURRENT_USER();\n'],
    [
      'becomes nobody else',
      'CREATE /*!50003 DEFINER=`root`@`%`*/ PROCEDURE p() SELECT * FROM mysql.user;\nCREATE  DEFINER = root@`%` PROCEDURE q() SELECT 1;\n',
    ],
  ])('%s', async (_what, text) => {
    await onEach(async ({ version, server }) => {
      const instance = await bench.provision(version);
      await as(instance.credentials, 'CREATE TABLE mine (a INT)');
      const users = await asRoot(server.port, 'SELECT COUNT(*) AS n FROM mysql.user');
      await expect(load(instance, text)).rejects.toThrow(/could not be loaded/);
      expect(existsSync(marker)).toBe(false);
      expect(await asRoot(server.port, 'SELECT COUNT(*) AS n FROM mysql.user')).toEqual(users);
      expect(await as(instance.credentials, 'SELECT * FROM mine')).toEqual([]);
    });
  });
});

async function* failing(): AsyncGenerator<string> {
  yield 'CREATE TABLE t (a INT);\n';
  throw new Error('the source broke');
}
