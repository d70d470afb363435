import { once } from 'node:events';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { Credentials } from '@vcap/service-base';
import { waitFor } from '@vcap/testkit';
import type { Connection as RawConnection } from 'mysql2';
import type { Connection } from 'mysql2/promise';
import { as, BenchNode, connectAs } from './support/bench-node.ts';
import { START_LIMIT_MS, startDatabases } from './support/databases.ts';
import type { TestDatabase } from './support/databases.ts';

let databases: TestDatabase[];
beforeAll(async () => {
  databases = await startDatabases();
}, START_LIMIT_MS);
afterAll(async () => {
  for (const { server } of databases ?? []) await server.stop();
});

const off = { max_long_query: 0, max_long_tx: 0 };

/** A node of its own for each check, as the smallest limits hold for everybody on a server. */
async function onEach(
  settings: Record<string, unknown>,
  check: (tenant: Tenant, varz: (name: string) => Promise<number>) => Promise<void>,
): Promise<void> {
  for (const database of databases) {
    const bench = await BenchNode.start([database], { ...off, ...settings });
    let connection: Connection | undefined;
    try {
      const { credentials } = await bench.provision(database.version);
      connection = await connectAs(credentials);
      connection.on('error', () => undefined);
      const varz = async (name: string): Promise<number> => Number((await bench.node.varz())[name]);
      await check({ credentials, connection }, varz);
    } finally {
      connection?.destroy();
      await bench.stop();
    }
  }
}

interface Tenant {
  credentials: Credentials;
  connection: Connection;
}

const ROWS = 64;
/** More than all buffers between a server and its client hold: 64 MB out of 8 short rows. */
const BIG = "SELECT REPEAT('x', 1048576) AS a FROM t AS one, t AS two";

async function fillTable({ credentials }: Tenant): Promise<void> {
  const rows = Array.from({ length: 8 }, (_, index) => `(${index})`).join();
  await as(credentials, 'CREATE TABLE t (a INT)', `INSERT INTO t VALUES ${rows}`);
}

/** Begins to read `BIG` and stops after the first row; `rest` reads on and gives how many rows came in all. */
async function readAndStop({ connection }: Tenant): Promise<{ rest: () => Promise<number> }> {
  // The one below takes rows as they come and can be paused.
  const { connection: raw } = connection as unknown as { connection: RawConnection };
  let rows = 0;
  const query = raw.query(BIG);
  const end = new Promise<number>((resolve, reject) => {
    for (const emitter of [query, raw]) emitter.on('error', reject);
    query.on('end', () => resolve(rows));
  });
  end.catch(() => undefined);
  query.on('result', () => rows++);
  await once(query, 'result');
  raw.pause();
  return {
    rest: () => {
      raw.resume();
      return end;
    },
  };
}

const patient = { timeoutMs: 30_000 };
jest.setTimeout(120_000);

test('a query that takes too long is ended, and the connection stays', () =>
  onEach({ max_long_query: 1 }, async ({ connection }, varz) => {
    // A server may end SLEEP early and say that all is well.
    await connection
      .query('SELECT COUNT(*) FROM (SELECT SLEEP(3600)) AS s, (SELECT 1) AS x')
      .catch(() => undefined);
    await waitFor(async () => (await varz('long_queries_killed')) === 1, patient);
    expect((await connection.query('SELECT 1'))[0]).toHaveLength(1);
  }));

test('a query whose client reads slowly is left alone, and comes to its end', () =>
  onEach({ max_long_query: 4 }, async (tenant, varz) => {
    await fillTable(tenant);
    const { rest } = await readAndStop(tenant);
    await waitFor(async () => (await varz('long_reads_count')) === 1, patient);
    expect(await rest()).toBe(ROWS);
    expect(await varz('long_queries_killed')).toBe(0);
  }));

test('a client that reads for longer than any dump takes is ended', () =>
  onEach({ max_long_query: 1, max_slow_read: 2 }, async (tenant, varz) => {
    await fillTable(tenant);
    const { rest } = await readAndStop(tenant);
    await waitFor(async () => (await varz('long_queries_killed')) === 1, patient);
    await expect(rest()).rejects.toBeInstanceOf(Error);
  }));

test('a transaction that stays open too long is ended', () =>
  onEach({ max_long_tx: 1 }, async ({ credentials, connection }, varz) => {
    await as(credentials, 'CREATE TABLE t (a INT)');
    const ended = once(connection, 'error');
    await connection.query('START TRANSACTION');
    await connection.query('INSERT INTO t VALUES (1)');
    await ended;
    expect(await as(credentials, 'SELECT * FROM t')).toEqual([]);
    // The connection ends before the killer has counted it.
    await waitFor(async () => (await varz('long_transactions_killed')) === 1, patient);
  }));

test('a transaction that only reads may read slowly, but not idle', () =>
  onEach({ max_long_tx: 3 }, async (tenant, varz) => {
    await fillTable(tenant);
    const { connection } = tenant;
    await connection.query('START TRANSACTION WITH CONSISTENT SNAPSHOT');
    const { rest } = await readAndStop(tenant);
    await waitFor(async () => (await varz('long_reads_count')) === 1, patient);
    const ended = once(connection, 'error');
    expect(await rest()).toBe(ROWS);
    await ended;
  }));

test('a transaction that wrote is ended although its client reads', () =>
  onEach({ max_long_tx: 1 }, async (tenant, varz) => {
    await fillTable(tenant);
    const { connection } = tenant;
    await connection.query('START TRANSACTION');
    await connection.query('INSERT INTO t VALUES (99)');
    const { rest } = await readAndStop(tenant);
    await waitFor(async () => (await varz('long_transactions_killed')) === 1, patient);
    await expect(rest()).rejects.toBeInstanceOf(Error);
  }));
