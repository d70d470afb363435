import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Credentials, Instance } from '@vcap/service-base';
import { as, asRoot, BenchNode, makeWork, traces } from './support/bench-node.ts';
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

const onEach = async (check: (database: TestDatabase) => Promise<void>): Promise<void> => {
  for (const database of databases) await check(database);
};

/** Not allowed: access denied to database, table, column or privilege; or the object is not there for this user. */
const REFUSED = [1044, 1045, 1142, 1143, 1227, 1410, 1419, 1146, 1049, 1290, 3118];

async function expectRefused(credentials: Credentials, statement: string): Promise<void> {
  const outcome = await as(credentials, statement).then(
    () => 'was allowed',
    (error: { errno?: number }) => error.errno ?? 0,
  );
  expect([statement, outcome]).toEqual([
    statement,
    typeof outcome === 'number' && REFUSED.includes(outcome) ? outcome : 'a refusal',
  ]);
}

describe('a hostile tenant', () => {
  let victims: Map<string, Instance>;
  beforeAll(async () => {
    victims = new Map();
    for (const { version } of databases) {
      const victim = await bench.provision(version);
      await as(victim.credentials, 'CREATE TABLE secret (a INT)', 'INSERT INTO secret VALUES (42)');
      victims.set(version, victim);
    }
  });

  test('cannot reach what is not its own', () =>
    onEach(async ({ version }) => {
      const { credentials, name } = await bench.provision(version);
      const other = victims.get(version)?.name ?? '';
      const user = String(credentials['user']);
      for (const statement of [
        `SELECT * FROM ${other}.secret`,
        `INSERT INTO ${other}.secret VALUES (1)`,
        `DROP DATABASE ${other}`,
        `CREATE TABLE ${other}.mine (a INT)`,
        `USE ${other}`,
        'SELECT * FROM mysql.user',
        'SELECT * FROM mysql.db',
        `UPDATE mysql.db SET Grant_priv = 'Y' WHERE Db = '${name}'`,
        "SELECT 'x' INTO OUTFILE '/tmp/vcap-hostile'",
        'CREATE TABLE t (a TEXT)',
        "LOAD DATA INFILE '/etc/passwd' INTO TABLE t",
        'CREATE DATABASE mine',
        'CREATE DATABASE `d%`',
        "CREATE USER 'x'@'%' IDENTIFIED BY 'y'",
        `ALTER USER '${user}'@'%' WITH MAX_USER_CONNECTIONS 1000`,
        `GRANT ALL ON ${name}.* TO 'root'@'%'`,
        `GRANT ALL ON *.* TO '${user}'@'%'`,
        'SET GLOBAL max_connections = 10000',
        'SET GLOBAL general_log = 1',
        "CREATE DEFINER='root'@'%' PROCEDURE p() SELECT * FROM mysql.user",
        "CREATE DEFINER='root'@'%' SQL SECURITY DEFINER VIEW v AS SELECT * FROM mysql.user",
        'SHUTDOWN',
        'FLUSH PRIVILEGES',
        "INSTALL PLUGIN x SONAME 'x.so'",
        "CREATE FUNCTION f RETURNS STRING SONAME 'x.so'",
      ]) {
        if (statement === 'CREATE TABLE t (a TEXT)') await as(credentials, statement);
        else await expectRefused(credentials, statement);
      }
    }));

  test('sees neither the others nor what they do', () =>
    onEach(async ({ version }) => {
      const { credentials } = await bench.provision(version);
      const other = victims.get(version)?.name ?? '';
      const seen = await as(
        credentials,
        `SELECT COUNT(*) AS n FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = '${other}'`,
      );
      expect(Number(seen[0]?.['n'])).toBe(0);
      const sessions = await as(credentials, 'SHOW PROCESSLIST');
      expect(sessions.filter((row) => row['User'] !== credentials['user'])).toEqual([]);
      expect(
        await as(credentials, `SELECT 1 AS n FROM information_schema.TABLES WHERE TABLE_SCHEMA = '${other}'`),
      ).toEqual([]);
    }));

  test('cannot end the sessions of others', () =>
    onEach(async ({ version, server }) => {
      const { credentials } = await bench.provision(version);
      const id = (await asRoot(server.port, 'SELECT CONNECTION_ID() AS id'))[0]?.['id'];
      const outcome = await as(credentials, `KILL ${Number(id) - 1}`).then(
        () => 'done',
        (error: { errno: number }) => error.errno,
      );
      expect([1094, 1095]).toContain(outcome);
    }));
});

describe('hostile names in messages', () => {
  const bad = [
    'mysql',
    "d'; DROP DATABASE x; --",
    'd`x`',
    'd\0',
    'dé',
    '',
    'd%',
    'd_',
    `d${'0'.repeat(31)}`,
    `D${'0'.repeat(32)}`,
    `d${'0'.repeat(33)}`,
    '../etc',
  ];

  test('are no names of instances', async () => {
    for (const name of bad) {
      expect([name, bench.node.isInstanceName(name)]).toEqual([name, false]);
      await expect(bench.node.unprovision({ name }, makeWork())).rejects.toThrow('Not usable');
      const given = { name, user: 'uAAAAAAAAAAAA', password: 'p1' };
      expect(() =>
        bench.node.newInstance({ plan: 'free', version: databases[0]?.version ?? '', given }),
      ).toThrow('Not usable');
    }
  });

  test('are no users and no passwords, and nothing is done with them', () =>
    onEach(async ({ version, server }) => {
      const instance = await bench.provision(version);
      const before = await traces(server.port);
      const users = [
        'root',
        'mysql.sys',
        "u'@'%",
        'u`',
        'uAAAAAAAAAAA\0',
        'uÄÖÜÄÖÜÄÖÜÄÖ',
        "uAAAAAAAAAAAA' OR '1",
      ];
      for (const user of users) {
        const given: Credentials = { name: instance.name, user, username: user, password: 'p1' };
        expect(() => bench.node.newBinding(instance, {}, given)).toThrow('Not usable');
        await bench.node.unbind({ instance: instance.name, credentials: given, options: {} }, makeWork());
      }
      for (const password of ["p'", 'p\\', 'p"', 'p\0', 'p ', '', 'ß'.repeat(5)]) {
        const given: Credentials = { name: instance.name, user: 'uAAAAAAAAAAAA', password };
        expect(() => bench.node.newBinding(instance, {}, given)).toThrow('Not usable');
      }
      expect(await traces(server.port)).toEqual(before);
      expect(await asRoot(server.port, "SELECT 1 FROM mysql.user WHERE User = 'root'")).not.toEqual([]);
    }));
});
