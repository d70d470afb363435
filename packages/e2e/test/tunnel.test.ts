import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { waitFor } from '@vcap/testkit';
import { isBack, kill } from './support/faults.ts';
import { Platform } from './support/platform.ts';
import { signal } from './support/processes.ts';
import { createSqlApp } from './support/sql-app.ts';
import {
  createService,
  dump,
  helperProcess,
  liftDatabaseLimits,
  OpenTunnel,
  query,
  vmcWith,
  ways,
} from './support/tunnels.ts';
import type { Access, Dump } from './support/tunnels.ts';

const MB = 1_000_000;
/** Connections of the same account. */
const others = 'SELECT COUNT(*) FROM information_schema.processlist WHERE id <> CONNECTION_ID();';
/** What the client says of a connection that broke. */
const lost = /Lost connection|gone away|rror:? \d+/;
/** More than what waits on the way at a time, so that a dump that is not read is in the middle of its way. */
const bigTable = `CREATE TABLE big (id INT PRIMARY KEY, t TEXT);
  INSERT INTO big SELECT seq, REPEAT(MD5(seq), 300) FROM seq_1_to_2000;`;

let platform: Platform;
/** The database's own port, with the application's account. */
let database: Access;
/** A dump that was taken there. */
let direct: Dump;

beforeAll(async () => {
  platform = await Platform.create();
  await platform.start();
  await platform.login();
  await liftDatabaseLimits(platform);
  await createService(platform, 'db1');
  const app = await createSqlApp();
  try {
    await platform.ok('push', 'reader', '--path', app.path, '-n', '--mem', '128M', '--no-start');
    await platform.ok('bind-service', 'db1', 'reader', '-n');
    await platform.ok('start', 'reader');
  } finally {
    await app.remove();
  }
  const { body } = await platform.get('reader', '/credentials');
  database = JSON.parse(body) as Access;
}, 150_000);
afterAll(() => platform.remove(), 90_000);

/** What the bound application gets for a statement. */
async function appSees(statement: string): Promise<string> {
  const headers = { host: `reader.${platform.domain}` };
  const answer = await platform.call('POST', '/', { body: statement, headers, token: '' });
  expect(answer).toMatchObject({ status: 200 });
  return answer.body;
}

describe("a laptop's own client", () => {
  test.each(Object.entries(ways))(
    'makes a schema over %s that the bound application sees',
    async (name, flags) => {
      const made = `CREATE TABLE by_${name} (id INT PRIMARY KEY, t TEXT);
        INSERT INTO by_${name} VALUES (1, 'Größe "x" \\'y\\' \\\\ z'); SELECT COUNT(*) FROM by_${name};`;
      const { status, output } = await vmcWith(platform, made, 'tunnel', 'db1', 'mysql', '-n', ...flags);
      expect([status, output]).toEqual([0, expect.stringMatching(/COUNT\(\*\)\n1\n$/)]);
      expect(await appSees('SHOW TABLES')).toContain(`by_${name}\n`);
      expect(await appSees(`SELECT t FROM by_${name}`)).toBe('Größe "x" \'y\' \\\\ z\n');
    },
    90_000,
  );

  test('takes dumps that equal one taken directly', async () => {
    await appSees(bigTable);
    direct = await dump(database);
    expect(direct).toMatchObject({ status: 0, errors: '' });
    expect(direct.bytes).toBeGreaterThan(19 * MB);
    for (const [name, flags] of Object.entries(ways)) {
      const tunnel = await OpenTunnel.open(platform, 'db1', ...flags);
      expect([name, await dump(tunnel.access)]).toEqual([name, direct]);
      expect(await tunnel.end()).toBe(0);
    }
  }, 120_000);

  test('starts the program that dumps and the one that loads: all is in the other database', async () => {
    const file = join(platform.home, 'dump.sql');
    const asked = await vmcWith(platform, `${file}\n`, 'tunnel', 'db1', 'mysqldump');
    expect([asked.status, asked.output]).toEqual([0, expect.stringContaining('Output file')]);
    const text = await readFile(file, 'utf8');
    expect(text).toMatch(/-- Dump completed on .*\n$/);
    await createService(platform, 'db2');
    expect(await vmcWith(platform, text, 'tunnel', 'db2', 'mysql', '-n', '--direct')).toMatchObject({
      status: 0,
    });
    const tunnel = await OpenTunnel.open(platform, 'db2', '--direct');
    expect(await dump(tunnel.access)).toEqual(direct);
    await cutByDeletion(tunnel);
  }, 120_000);

  /** Who is connected to a service that is deleted is told at once. */
  async function cutByDeletion(tunnel: OpenTunnel): Promise<void> {
    const waiting = query(tunnel.access, 'SELECT SLEEP(300);').catch(String);
    await waitFor(async () => (await query(tunnel.access, others)) === '1\n', { timeoutMs: 20_000 });
    await platform.ok('delete-service', 'db2', '-n');
    expect(await waiting).toMatch(lost);
    await waitFor(() => /A connection failed: (caldecott|service): /.test(tunnel.output), {
      timeoutMs: 20_000,
    });
    await tunnel.end();
  }
});

describe.each(Object.entries(ways))('in the middle of a dump over %s', (name, flags) => {
  let tunnel: OpenTunnel;
  beforeAll(async () => {
    tunnel = await OpenTunnel.open(platform, 'db1', ...flags);
  }, 60_000);
  afterAll(() => tunnel.end(), 60_000);

  // The operator's endpoint runs on no DEA.
  const parts = name === 'direct' ? ['router-0'] : ['router-0', 'dea-0'];
  test.each(parts)(
    'a %s that is started anew costs nothing',
    async (part) => {
      const act = async (): Promise<unknown> => isBack(platform, await kill(platform, part));
      expect(await dump(tunnel.access, { bytes: MB, act })).toEqual(direct);
    },
    60_000,
  );

  test('a client that is killed leaves no connection', async () => {
    const outcome = await dump(tunnel.access, { bytes: MB, act: async (program) => program.kill() });
    expect(outcome.status).toBe('SIGKILL');
    await waitFor(async () => (await query(tunnel.access, others)) === '0\n', { timeoutMs: 30_000 });
  }, 60_000);

  test('a database that is started anew is told, and the tunnel works again', async () => {
    const act = async (): Promise<unknown> => isBack(platform, await kill(platform, 'mariadb'));
    expectNoGap(await dump(tunnel.access, { bytes: MB, act }));
    await worksAgain(tunnel);
  }, 60_000);
});

test('a caldecott that is killed in the middle of a dump is told, and the tunnel works with the next', async () => {
  // As too little memory would.
  const killHelper = async (): Promise<unknown> => signal(await helperProcess(platform), 'SIGKILL');
  const killEndpoint = async (): Promise<unknown> => isBack(platform, await kill(platform, 'caldecott-0'));
  const both: [flags: string[], act: () => Promise<unknown>][] = [
    [ways.websocket, killHelper],
    [ways.direct, killEndpoint],
  ];
  // At once: another instance's word is doubted for some seconds.
  await Promise.all(
    both.map(async ([flags, act]) => {
      const tunnel = await OpenTunnel.open(platform, 'db1', ...flags);
      const whole = expectNoGap(await dump(tunnel.access, { bytes: MB, act }));
      const told = /A connection failed: caldecott: .*restarted or crashed/;
      await waitFor(() => whole || told.test(tunnel.output), { timeoutMs: 30_000 });
      await worksAgain(tunnel);
      await tunnel.end();
    }),
  );
}, 150_000);

/** Whole, as where all of it was under way already, or an error that the client tells; never a part that looks whole. */
function expectNoGap(outcome: Dump): boolean {
  if (outcome.status === 0) expect(outcome).toEqual(direct);
  else expect(outcome).toMatchObject({ errors: expect.stringMatching(lost) });
  return outcome.status === 0;
}

/** As soon as it does. */
async function worksAgain({ access }: OpenTunnel): Promise<void> {
  await waitFor(() => query(access, 'SELECT 1'), { timeoutMs: 60_000 });
  expect(await dump(access)).toEqual(direct);
}

test('--remove deletes the helper', async () => {
  const { uris } = (
    JSON.parse(await platform.ok('apps', '--json')) as { name: string; uris: string[] }[]
  ).find(({ name }) => name === 'caldecott') ?? { uris: [] };
  const [label = ''] = (uris[0] ?? '').split('.');
  expect((await platform.get(label, '/info')).headers).toHaveProperty('tunnel-instance');
  await platform.ok('tunnel', '--remove');
  expect(await platform.ok('apps')).not.toContain('caldecott');
  await waitFor(async () => (await platform.get(label, '/info')).headers['tunnel-instance'] === undefined, {
    timeoutMs: 30_000,
  });
  expect(await platform.ok('tunnel', '--remove')).toContain('There is no helper');
}, 60_000);
