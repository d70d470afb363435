import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { waitFor } from '@vcap/testkit';
import { as, asRoot, BenchNode, connectAs, makeWork, traces } from './support/bench-node.ts';
import { START_LIMIT_MS, startDatabases } from './support/databases.ts';
import type { TestDatabase } from './support/databases.ts';

let databases: TestDatabase[];
let bench: BenchNode;
beforeAll(async () => {
  databases = await startDatabases();
  bench = await BenchNode.start(databases, { max_user_conns: 3 });
}, START_LIMIT_MS);
afterAll(async () => {
  await bench?.stop();
  for (const { server } of databases ?? []) await server.stop();
});

/** Every behaviour holds on every server that there is. */
const onEach = async (check: (database: TestDatabase) => Promise<void>): Promise<void> => {
  for (const database of databases) await check(database);
};

describe('an instance', () => {
  test('is a database that its credentials open', () =>
    onEach(async ({ version, server }) => {
      const { credentials, name } = await bench.provision(version);
      expect(credentials).toMatchObject({
        name,
        host: '127.0.0.1',
        hostname: '127.0.0.1',
        port: server.port,
      });
      expect(credentials['username']).toBe(credentials['user']);
      expect(name).toMatch(/^d[0-9a-f]{32}$/);
      const rows = await as(
        credentials,
        'CREATE TABLE t (a INT)',
        'INSERT INTO t VALUES (7)',
        'SELECT a FROM t',
      );
      expect(rows[0]?.['a']).toBe(7);
    }));

  test('leaves no trace when it is deleted, also with bindings and open connections', () =>
    onEach(async ({ version, server }) => {
      const before = await traces(server.port);
      const instance = await bench.provision(version);
      const binding = await bench.bind(instance);
      const open = await connectAs(binding.credentials);
      await open.query('CREATE TABLE t (a INT)');
      await open.query('START TRANSACTION');
      await open.query('SELECT * FROM t');
      const ended = new Promise((resolve) => open.on('error', resolve));
      await bench.unprovision(instance);
      await ended;
      expect(await traces(server.port)).toEqual(before);
      await bench.node.unprovision({ name: instance.name }, makeWork());
    }));

  test('allows as many connections of an account as configured', () =>
    onEach(async ({ version }) => {
      const { credentials } = await bench.provision(version);
      const open = await Promise.all([1, 2, 3].map(() => connectAs(credentials)));
      await expect(connectAs(credentials)).rejects.toMatchObject({ errno: 1226 });
      for (const each of open) await each.end();
    }));

  test('is never made over something that is there, and that is left as it is', () =>
    onEach(async ({ version, server }) => {
      const name = `d${'ab'.repeat(16)}`;
      await asRoot(server.port, `CREATE DATABASE ${name}`, `CREATE TABLE ${name}.precious (a INT)`);
      const given = { name, user: 'uAAAAAAAAAAAA', username: 'uAAAAAAAAAAAA', password: 'p1' };
      const instance = { name, plan: 'free', version, credentials: given, data: {} };
      expect(await bench.node.exists(instance)).toBe(true);
      await expect(bench.provision(version, given)).rejects.toThrow(`database ${name}`);
      const rows = await asRoot(server.port, `SHOW TABLES FROM ${name}`, `SHOW TABLES FROM ${name}`);
      expect(rows).toHaveLength(1);
      await asRoot(server.port, `DROP DATABASE ${name}`);
    }));

  test('is not made when its user is there, and neither is dropped but what this call made', () =>
    onEach(async ({ version, server }) => {
      const user = 'uBBBBBBBBBBBB';
      await asRoot(server.port, `CREATE USER '${user}'@'%' IDENTIFIED BY 'kept'`);
      const given = { name: `d${'cd'.repeat(16)}`, user, username: user, password: 'p1' };
      await expect(bench.provision(version, given)).rejects.toThrow('user of');
      expect(await traces(server.port)).toContain(`user ${user}`);
      expect(await traces(server.port)).not.toContain(given.name);
      await asRoot(server.port, `DROP USER '${user}'@'%'`);
    }));
});

describe('a binding', () => {
  test('is an account of its own on the same data', () =>
    onEach(async ({ version }) => {
      const instance = await bench.provision(version);
      const { credentials } = await bench.bind(instance);
      expect(credentials['user']).not.toBe(instance.credentials['user']);
      await as(instance.credentials, 'CREATE TABLE t (a INT)', 'INSERT INTO t VALUES (1)');
      expect(await as(credentials, 'SELECT a FROM t')).toHaveLength(1);
    }));

  test('can be made again with the same credentials', () =>
    onEach(async ({ version }) => {
      const instance = await bench.provision(version);
      const { credentials } = await bench.bind(instance);
      const again = await bench.bind(instance, credentials);
      expect(again.credentials).toEqual(credentials);
      expect(await as(credentials, 'SELECT 1 AS one')).toHaveLength(1);
    }));

  test('is refused when its account belongs to another instance', () =>
    onEach(async ({ version }) => {
      const [one, two] = [await bench.provision(version), await bench.provision(version)];
      const { credentials } = await bench.bind(one);
      await expect(bench.bind(two, { ...credentials, name: two.name })).rejects.toThrow('account');
      await bench.node.unbind({ instance: two.name, credentials, options: {} }, makeWork());
      expect(await as(credentials, 'SELECT 1 AS one')).toHaveLength(1);
    }));

  test('ends at once with its connections, and what it defined goes on working', () =>
    onEach(async ({ version }) => {
      const instance = await bench.provision(version);
      const [leaving, staying] = [await bench.bind(instance), await bench.bind(instance)];
      const open = await connectAs(leaving.credentials);
      await open.query('CREATE TABLE t (a INT)');
      await open.query('CREATE TABLE log (a INT)');
      await open.query('CREATE VIEW v AS SELECT a + 1 AS b FROM t');
      await open.query('CREATE VIEW w AS SELECT b + 1 AS c FROM v');
      await open.query('CREATE TRIGGER tr AFTER INSERT ON t FOR EACH ROW INSERT INTO log VALUES (NEW.a)');
      await open.query('CREATE PROCEDURE p() SELECT COUNT(*) AS n FROM log');
      await open.query('CREATE FUNCTION f(x INT) RETURNS INT DETERMINISTIC RETURN x + 1');
      const ended = new Promise((resolve) => open.on('error', resolve));
      await bench.node.unbind(leaving, makeWork());
      await ended;
      await expect(connectAs(leaving.credentials)).rejects.toMatchObject({ errno: 1045 });
      await as(staying.credentials, 'INSERT INTO t VALUES (1)');
      expect((await as(staying.credentials, 'SELECT c FROM w'))[0]?.['c']).toBe(3);
      expect((await as(staying.credentials, 'SELECT f(4) AS five'))[0]?.['five']).toBe(5);
      expect(await as(staying.credentials, 'CALL p()')).toBeTruthy();
      await bench.node.unbind(leaving, makeWork());
    }));
});

test('accounts can be shut out and let in again', () =>
  onEach(async ({ version }) => {
    const instance = await bench.provision(version);
    const binding = await bench.bind(instance);
    await bench.node.disable(instance, [binding], makeWork());
    await expect(connectAs(instance.credentials)).rejects.toThrow(/lock/i);
    await expect(connectAs(binding.credentials)).rejects.toThrow(/lock/i);
    await bench.node.enable(instance, [binding], makeWork());
    await as(instance.credentials, 'CREATE TABLE t (a INT)');
    await as(binding.credentials, 'INSERT INTO t VALUES (1)');
  }));

test('reports what exists, also what no registry knows', () =>
  onEach(async ({ version, server }) => {
    const instance = await bench.provision(version);
    const { credentials } = await bench.bind(instance);
    await asRoot(server.port, "CREATE USER 'uCCCCCCCCCCCC'@'%' IDENTIFIED BY 'x'");
    expect(await bench.node.listInstances()).toContain(instance.name);
    const bindings = await bench.node.listBindings();
    expect(bindings).toContainEqual({
      name: instance.name,
      user: credentials['user'],
      username: credentials['user'],
    });
    const stray = bindings.find(({ user }) => user === 'uCCCCCCCCCCCC');
    expect(stray).toBeDefined();
    await bench.node.unbind(
      { instance: String(stray?.name), credentials: stray ?? { name: '' }, options: {} },
      makeWork(),
    );
    expect(await traces(server.port)).not.toContain('user uCCCCCCCCCCCC');
  }));

test('ends the sessions of a process before it that was killed', () =>
  onEach(async ({ server, version }) => {
    const settings = { node_id: 'mysql_node_free_1' };
    const sessions = async (): Promise<number[]> =>
      (
        await asRoot(
          server.port,
          "SELECT ID AS id FROM information_schema.PROCESSLIST WHERE USER = 'root' AND ID <> CONNECTION_ID()",
        )
      ).map((row) => Number(row['id']));
    const others = await sessions();
    const former = await BenchNode.start(databases, settings);
    await former.provision(version);
    const left = (await sessions()).filter((id) => !others.includes(id));
    expect(left.length).toBeGreaterThan(0);
    const next = await BenchNode.start(databases, settings);
    // They, and the one that looked, are listed for a moment longer.
    await waitFor(async () => !(await sessions()).some((id) => left.includes(id)), { timeoutMs: 20_000 });
    await former.stop();
    await next.stop();
  }));
