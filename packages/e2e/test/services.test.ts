import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { samplePath } from '@vcap/samples';
import { waitFor } from '@vcap/testkit';
import type { Connection } from 'mysql2/promise';
import { Platform } from './support/platform.ts';
import {
  boundTo,
  connectAs,
  environmentOf,
  offered,
  pushSample,
  serverOf,
  tracesOn,
  visits,
} from './support/service-cluster.ts';

let platform: Platform;

beforeAll(async () => {
  platform = await Platform.create();
  await platform.start();
  await platform.login();
  await offered(platform, 'mysql');
}, 180_000);
afterAll(() => platform.remove(), 90_000);

const services = async (): Promise<unknown[]> => {
  const { provisioned } = JSON.parse(await platform.ok('services', '--json')) as { provisioned: unknown[] };
  return provisioned;
};
/** Any bound Node.js application that shows its environment. */
const pushPeek = (name: string): Promise<string> =>
  platform.ok('push', name, '--path', samplePath('node-hello'), '-n', '--no-start');

describe('a database of the platform', () => {
  test('is created, bound by a push, and counts visits over restarts and instances', async () => {
    await platform.ok('create-service', 'mysql', 'db1');
    expect(await services()).toEqual([
      expect.objectContaining({ name: 'db1', vendor: 'mysql', tier: 'free' }),
    ]);
    expect(await pushSample(platform, 'visits')).toContain('Binding Service [db1]');
    expect(await visits(platform, 'GET', '/')).toMatchObject({ instances: 1 });
    await platform.ok('restart', 'visits');
    const { visits: before } = await visits(platform);
    expect(before).toBeGreaterThanOrEqual(1);
    await platform.ok('instances', 'visits', '2');
    await waitFor(async () => (await visits(platform, 'GET', '/')).instances > 2, {
      timeoutMs: 60_000,
      what: 'the restarted instance and a second one to have counted beside the first',
    });
    expect((await visits(platform)).visits).toBeGreaterThan(before);
  }, 240_000);

  test('comes back with its rows from a snapshot', async () => {
    const { visits: before } = await visits(platform);
    const taken = await platform.ok('create-snapshot', 'db1', 'before the accident', '--json');
    // Its progress is beside it.
    const { snapshot_id: id } = JSON.parse(/\{[^{}]*\}/.exec(taken)?.[0] ?? '') as { snapshot_id: string };
    expect(await platform.ok('snapshots', 'db1')).toContain('before the accident');
    expect(await visits(platform, 'DELETE', '/')).toMatchObject({ visits: 0 });
    await platform.ok('rollback-snapshot', 'db1', id, '-n');
    expect(await visits(platform)).toMatchObject({ visits: before });
    await platform.ok('delete-snapshot', 'db1', id, '-n');
    expect(await platform.ok('snapshots', 'db1')).toContain('no snapshots');
  }, 180_000);

  test.each(['visits-ruby', 'visits-python'] as const)(
    'is found by %s through VCAP_SERVICES alone',
    async (name) => {
      await pushSample(platform, name);
      const { body } = await platform.up(name, 60_000);
      expect(JSON.parse(body)).toEqual([
        {
          name: 'db1',
          label: expect.stringMatching(/^mysql-/),
          plan: 'free',
          credentials: expect.objectContaining({
            name: expect.stringMatching(/^d/),
            port: expect.any(Number),
          }),
          greeting: expect.stringContaining('MariaDB'),
        },
      ]);
      expect(body).not.toMatch(/password|uri/);
      await platform.ok('delete', name, '-n');
    },
    120_000,
  );

  test('is closed to an application at once that is unbound from it', async () => {
    await pushPeek('peek');
    await platform.ok('bind-service', 'db1', 'peek');
    await platform.ok('start', 'peek');
    const { DATABASE_URL: url, VMC_SERVICES: old } = await environmentOf(platform, 'peek');
    const service = await boundTo(platform, 'peek', 'db1');
    const { credentials } = service as { credentials: Record<string, unknown> };
    expect(url).toBe(String(credentials['uri']).replace(/^mysql:/, 'mysql2:'));
    expect(JSON.parse(old ?? '')).toMatchObject([{ name: 'db1', vendor: 'mysql', tier: 'free' }]);
    const open: Connection = await connectAs(credentials);
    // The server ends it while it rests.
    open.on('error', () => undefined);
    await open.query('SELECT COUNT(*) FROM visits');
    await platform.ok('unbind-service', 'db1', 'peek');
    await expect(open.query('SELECT 1')).rejects.toThrow(/./);
    await expect(connectAs(credentials)).rejects.toThrow(/Access denied/);
    open.destroy();
    expect(await boundTo(platform, 'peek', 'db1')).toBeUndefined();
    expect((await visits(platform)).visits).toBeGreaterThan(0);
    await platform.ok('delete', 'peek', '-n');
  }, 180_000);

  test('is there in both plans, and leaves no trace on the server when it is deleted', async () => {
    expect(await platform.ok('services')).toContain('free, standard');
    await platform.ok('create-service', 'mysql', 'db2', '--plan', 'standard');
    expect(await services()).toContainEqual(expect.objectContaining({ name: 'db2', tier: 'standard' }));
    const server = serverOf(platform);
    expect((await tracesOn(server)).length).toBeGreaterThan(0);
    await platform.ok('delete', 'visits', '-n');
    for (const name of ['db1', 'db2']) await platform.ok('delete-service', name);
    expect(await tracesOn(server)).toEqual([]);
    expect(await services()).toEqual([]);
  }, 120_000);
});

describe('a service that a broker was told of', () => {
  const label = 'hr_db-2.0';
  const uri = 'postgresql://hr:secret@10.0.0.9:5432/hr';

  test('reaches an application with its URI, and goes when it is taken back', async () => {
    const file = join(platform.home, 'hr.yml');
    const options = [{ name: 'rw', credentials: { uri } }];
    await writeFile(file, JSON.stringify({ label, description: 'the HR database', options }));
    const broker = ['--broker', `http://service-broker.${platform.domain}:${platform.port}`];
    process.env['SERVICE_BROKER_TOKEN'] = readFileSync(join(platform.home, 'broker-token'), 'utf8').trim();
    try {
      await waitFor(async () => (await platform.get('service-broker')).status !== 404, { timeoutMs: 30_000 });
      await platform.ok('register-service', file, ...broker);
      await platform.ok('create-service', 'hr_db_rw', 'hr');
      await pushPeek('clerk');
      await platform.ok('bind-service', 'hr', 'clerk');
      await platform.ok('start', 'clerk');
      expect(await boundTo(platform, 'clerk', 'hr')).toMatchObject({ credentials: { uri } });
      expect((await environmentOf(platform, 'clerk'))['DATABASE_URL']).toBe(
        uri.replace('postgresql:', 'postgres:'),
      );
      await platform.ok('delete', 'clerk', '-n');
      await platform.ok('delete-service', 'hr');
      await platform.ok('unregister-service', label, ...broker);
    } finally {
      delete process.env['SERVICE_BROKER_TOKEN'];
    }
    expect(await platform.ok('services')).not.toContain('hr_db');
  }, 180_000);
});
