import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Credentials } from '@vcap/service-base';
import { waitFor } from '@vcap/testkit';
import type { Connection } from 'mysql2/promise';
import { dataOf } from '../src/instance-data.ts';
import { as, asRoot, BenchNode, connectAs, makeWork } from './support/bench-node.ts';
import { START_LIMIT_MS, startDatabases } from './support/databases.ts';
import type { TestDatabase } from './support/databases.ts';

const LIMIT_MB = 8;
let databases: TestDatabase[];
let bench: BenchNode;
beforeAll(async () => {
  databases = await startDatabases();
  bench = await BenchNode.start(databases, { max_user_conns: 30, max_db_size: LIMIT_MB, max_long_query: 0 });
}, START_LIMIT_MS);
afterAll(async () => {
  await bench?.stop();
  for (const { server } of databases ?? []) await server.stop();
});
const onEach = async (check: (database: TestDatabase) => Promise<void>): Promise<void> => {
  for (const database of databases) await check(database);
};
const suspended = (name: string): boolean => {
  const instance = bench.registry.instance(name);
  return instance !== undefined && dataOf(instance).quota_exceeded;
};

/** Why the server refuses a statement; asked again when it only ended the session. */
function refusal(credentials: Credentials, statement: string): Promise<number> {
  return waitFor(
    () =>
      as(credentials, statement).then(
        () => -1,
        (error: { errno?: number; fatal?: boolean }) => (error.fatal ? undefined : error.errno),
      ),
    { timeoutMs: 20_000 },
  );
}

/** Writes again and again until `until`; gives when it last succeeded. `refused` counts the tries that failed. */
async function writer(
  credentials: Credentials,
  until: () => boolean,
  refused = { count: 0 },
): Promise<number> {
  let last = performance.now();
  let connection: Connection | undefined;
  while (!until()) {
    try {
      if (!connection) {
        connection = await connectAs(credentials);
        connection.on('error', () => undefined);
      }
      await connection.query('INSERT INTO t VALUES (REPEAT(?, 20000))', ['x']);
      last = performance.now();
    } catch {
      refused.count++;
      connection?.destroy();
      connection = undefined;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  connection?.destroy();
  return last;
}

test(
  'twenty writers over the limit are stopped, and the neighbour does not notice',
  () =>
    onEach(async ({ version, server }) => {
      const full = await bench.provision(version);
      const neighbour = await bench.provision(version);
      const binding = await bench.bind(full);
      await as(full.credentials, 'CREATE TABLE t (a MEDIUMTEXT)');
      await as(neighbour.credentials, 'CREATE TABLE t (a MEDIUMTEXT)', "INSERT INTO t VALUES ('mine')");
      const end = new AbortController();
      const slow: number[] = [];
      const watching = (async () => {
        const connection = await connectAs(neighbour.credentials);
        while (!end.signal.aborted) {
          const began = performance.now();
          await connection.query("INSERT INTO t VALUES ('n')");
          slow.push(performance.now() - began);
        }
        await connection.end();
      })();
      const refused = Array.from({ length: 20 }, () => ({ count: 0 }));
      const writers = refused.map((count, index) =>
        writer(index % 2 ? full.credentials : binding.credentials, () => end.signal.aborted, count),
      );
      const bytes = async (): Promise<number> => {
        const [row] = await asRoot(server.port, `SELECT COUNT(*) * 20000 AS n FROM ${full.name}.t`);
        return Number(row?.['n']);
      };
      let over: number | undefined;
      const measuring = (async () => {
        while (over === undefined && !end.signal.aborted)
          if ((await bytes()) >= LIMIT_MB * 2 ** 20) over = performance.now();
      })();
      const allRefusedAgain = async (): Promise<void> => {
        const marks = refused.map(({ count }) => count);
        await waitFor(() => refused.every(({ count }, index) => count >= (marks[index] ?? 0) + 2), {
          timeoutMs: 30_000,
          what: 'all writers to be refused',
        });
      };
      let kept = 0;
      let last = 0;
      try {
        await waitFor(() => suspended(full.name), { timeoutMs: 60_000, what: 'the quota to be seen' });
        // A session that was being opened meanwhile may write until the next look, which sees it by the growth.
        await waitFor(
          async () => {
            kept = await bytes();
            await allRefusedAgain();
            return (await bytes()) === kept;
          },
          { timeoutMs: 60_000, what: 'nothing to be written any more' },
        );
      } finally {
        end.abort();
        last = Math.max(...(await Promise.all(writers)));
        await Promise.all([watching, measuring]);
      }
      expect(kept).toBeGreaterThan(0);
      // What a session that was seen late wrote before its end is in.
      kept = await bytes();
      expect(slow.length).toBeGreaterThan(0);
      const late =
        over === undefined
          ? 'before the data alone came to the limit'
          : `${Math.round(last - over)} ms after it`;
      const longest = Math.round(Math.max(...slow));
      process.stdout.write(
        `${version}: writing stopped ${late}; the neighbour waited ${longest} ms at most\n`,
      );
      expect(suspended(neighbour.name)).toBe(false);
      for (const statement of ["INSERT INTO t VALUES ('x')", 'CREATE TABLE more (a INT)'])
        expect(await refusal(full.credentials, statement)).toBe(1142);
      // A new account on a full database cannot write either.
      const newcomer = await bench.bind(full);
      expect(await refusal(newcomer.credentials, "INSERT INTO t VALUES ('x')")).toBe(1142);
      expect(await bytes()).toBe(kept);

      // Deleting a little is not enough; well below the limit writing comes back, for all accounts.
      // A file that was seen to grow once more has all sessions ended once more.
      await waitFor(() => as(newcomer.credentials, 'DELETE FROM t', 'TRUNCATE TABLE t').then(() => true), {
        timeoutMs: 20_000,
      });
      await waitFor(() => !suspended(full.name), { timeoutMs: 20_000, what: 'the quota to be lifted' });
      for (const { credentials } of [newcomer, full, binding])
        await waitFor(() => as(credentials, "INSERT INTO t VALUES ('x')").then(() => true), {
          timeoutMs: 20_000,
        });
      await as(full.credentials, 'CREATE TABLE more (a INT)');
    }),
  240_000,
);

test(
  'tables of other engines and in shared files count too',
  () =>
    onEach(async ({ version }) => {
      const { credentials, name } = await bench.provision(version);
      const table = version === '10.11' ? 'ENGINE=MyISAM' : 'TABLESPACE=innodb_system';
      await as(credentials, `CREATE TABLE t (a MEDIUMTEXT) ${table}`);
      await writer(credentials, () => suspended(name));
      expect(suspended(name)).toBe(true);
    }),
  120_000,
);

test('varz shows sizes and the health of each instance', () =>
  onEach(async ({ version, server }) => {
    const own = await BenchNode.start(
      [{ ...(databases.find((d) => d.version === version) as TestDatabase) }],
      {
        node_id: 'mysql_node_free_3',
      },
    );
    const [fine, changed, closed] = [
      await own.provision(version),
      await own.provision(version),
      await own.provision(version),
    ];
    await as(
      changed.credentials,
      version === '10.11' ? "SET PASSWORD = PASSWORD('other')" : "SET PASSWORD = 'other'",
    );
    await own.node.disable(closed, [], makeWork());
    const lost = await own.provision(version);
    await asRoot(server.port, `DROP DATABASE ${lost.name}`);
    await as(fine.credentials, 'CREATE TABLE t (a INT)');
    await waitFor(
      async () =>
        ((await own.node.varz())['database_status'] as { name: string }[]).some(
          ({ name }) => name === fine.name,
        ),
      { timeoutMs: 20_000 },
    );
    const varz = await own.node.varz();
    expect(varz['instances']).toEqual({
      [fine.name]: 'ok',
      [changed.name]: 'password-modified',
      [closed.name]: 'disabled',
      [lost.name]: 'fail',
    });
    expect(varz).toMatchObject({
      long_queries_killed: 0,
      quota_exceeded: 0,
      pools: { [version]: { answering: true } },
    });
    expect(JSON.stringify(varz)).not.toContain(String(fine.credentials['password']));
    await own.stop();
  }));
