import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { FakeClock } from '@vcap/clock';
import { silentLogger } from '@vcap/component';
import { tempDir } from '@vcap/testkit';
import type { TempDir } from '@vcap/testkit';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Registry } from '../../src/index.ts';
import type { RouteChange } from '../../src/plane/table/table.ts';
import { Snapshot } from '../../src/registry/snapshot.ts';

let dir: TempDir;
let clock: FakeClock;
let path: string;
beforeEach(async () => {
  dir = await tempDir('router-snapshot');
  clock = new FakeClock();
  path = join(dir.path, 'routes');
});
afterEach(() => dir.remove());

function make(): { registry: Registry; snapshot: Snapshot } {
  const registry = new Registry({
    clock,
    pruneThresholdMs: 120_000,
    emptyRouteRetentionMs: 120_000,
    silenceMs: 60_000,
    verifyMs: 30_000,
  });
  const options = { clock, log: silentLogger, registry, path, intervalMs: 30_000, maxAgeMs: 3_600_000 };
  return { registry, snapshot: new Snapshot(options) };
}
const shop = { host: '10.0.0.1', port: 1, uris: ['shop.test', 'shop.test/a'], app: 'guid' };
const addresses = (registry: Registry): string[] => [...registry.entries()].map(({ facts }) => facts.address);

async function written(): Promise<void> {
  const { registry, snapshot } = make();
  await snapshot.start();
  registry.register({ ...shop, privateInstanceId: 'p', index: '0', component: 'dea-1', updatedAt: 7 });
  for (let port = 2; port <= 2500; port += 1)
    registry.register({ host: '10.0.0.1', port, uris: [`${port}.test`] });
  await snapshot.stop();
}

test('a router that starts again has the routes, with all that was known of them', async () => {
  await written();
  const { registry, snapshot } = make();
  await snapshot.start();
  expect(registry.endpointCount).toBe(2500);
  expect(registry.uriCount).toBe(2501);
  const [first] = registry.entries();
  expect(first).toMatchObject({
    facts: { address: '10.0.0.1:1', app: 'guid', privateInstanceId: 'p', index: '0', component: 'dea-1' },
    updatedAt: 7,
    confirmed: false,
  });
  await snapshot.stop();
  expect(await readdir(dir.path)).toEqual(['routes']);
});

test('what nobody confirms goes after the time for it, while the bus is lively; what is confirmed stays', async () => {
  await written();
  const { registry, snapshot } = make();
  await snapshot.start();
  for (let passed = 0; passed < 40; passed += 10) {
    registry.register({ ...shop, privateInstanceId: 'p' });
    await clock.advance(10_000);
  }
  expect(registry.prune(false)).toBe(0);
  registry.prune(true);
  expect(addresses(registry)).toEqual(['10.0.0.1:1']);
  await snapshot.stop();
});

test('what had failed before is not used until it registers: its address may be another’s by now', async () => {
  const before = make();
  await before.snapshot.start();
  before.registry.register(shop);
  await before.snapshot.save();
  before.registry.setAside('10.0.0.1:1');
  await before.snapshot.stop();
  const { registry, snapshot } = make();
  const changes: RouteChange[] = [];
  registry.onChange((change) => changes.push(change));
  await snapshot.start();
  expect(changes.at(-1)).toEqual(['down', '10.0.0.1:1']);
  expect([...registry.changes()].at(-1)).toEqual(['down', '10.0.0.1:1']);
  registry.register(shop);
  expect(changes.at(-1)).toEqual(['up', '10.0.0.1:1']);
  await snapshot.stop();
});

test('while the bus is silent nothing of it goes', async () => {
  await written();
  const { registry, snapshot } = make();
  await snapshot.start();
  await clock.advance(1_000_000);
  expect(registry.prune(true)).toBe(0);
  expect(registry.endpointCount).toBe(2500);
  await snapshot.stop();
});

test('another owner of an address takes it from what the snapshot says', async () => {
  await written();
  const { registry, snapshot } = make();
  await snapshot.start();
  registry.register({ host: '10.0.0.1', port: 1, uris: ['heir.test'], app: 'heir' });
  expect([...registry.entries()].find(({ facts }) => facts.address === '10.0.0.1:1')?.places).toHaveLength(1);
  await snapshot.stop();
});

test('an old one, a broken one and none are no obstacle', async () => {
  await written();
  await clock.advance(3_700_000);
  const late = make();
  await late.snapshot.start();
  expect(late.registry.endpointCount).toBe(0);
  await late.snapshot.stop();
  const text = await readFile(path, 'utf8');
  for (const bad of [
    '',
    'nonsense',
    '{}',
    '{"version":2,"at":0}',
    `${text.split('\n')[0]}\n{"host":1}\nrubbish\n`,
  ]) {
    await writeFile(path, bad);
    const { registry, snapshot } = make();
    await snapshot.start();
    expect(registry.endpointCount).toBe(0);
  }
});

test('routes grow no younger by being written down, and no older while they are confirmed', async () => {
  const atOf = async (): Promise<number> =>
    (JSON.parse((await readFile(path, 'utf8')).split('\n')[0]!) as { at: number }).at;
  await written();
  const heardAt = await atOf();
  await clock.advance(3_000_000);
  const quiet = make();
  await quiet.snapshot.start();
  await quiet.snapshot.stop();
  expect(await atOf()).toBe(heardAt);
  const lively = make();
  await lively.snapshot.start();
  lively.registry.register({ ...shop, privateInstanceId: 'p' });
  await lively.snapshot.save();
  await lively.snapshot.stop();
  expect(await atOf()).toBe(clock.now());
});

test('one that is stopped before it was started leaves the file alone', async () => {
  await written();
  const before = await readFile(path, 'utf8');
  await make().snapshot.stop();
  expect(await readFile(path, 'utf8')).toBe(before);
});
