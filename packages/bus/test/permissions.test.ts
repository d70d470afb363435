import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { systemClock } from '@vcap/clock';
import { startNats, tempDir, waitFor } from '@vcap/testkit';
import type { NatsServer } from '@vcap/testkit';
import { pino } from 'pino';
import {
  Bus,
  bulkCredentials,
  deaAdvertise,
  deaHeartbeat,
  deaInstanceStart,
  deaLocate,
  deaShutdown,
  deaStop,
  healthStart,
  routerGreet,
} from '../src/index.ts';

const authorization = fileURLToPath(new URL('../../../deploy/nats/authorization.conf', import.meta.url));
const log = pino({ level: 'silent' });
const buses: Bus[] = [];
let dir: Awaited<ReturnType<typeof tempDir>>;
let nats: NatsServer;

/** Someone on the bus with the credentials of a role. */
async function as(role: string): Promise<Bus> {
  const server = nats.url.replace('nats://', `nats://${role}:word-of-${role}@`);
  const bus = new Bus({ servers: [server], name: role, log, clock: systemClock });
  buses.push(bus);
  await bus.start();
  return bus;
}

beforeAll(async () => {
  dir = await tempDir('nats-permissions-');
  const text = (await readFile(authorization, 'utf8')).replace(
    /user: (\S+)\n(\s*)password: \S+/g,
    'user: $1\n$2password: "word-of-$1"',
  );
  const file = join(dir.path, 'nats.conf');
  await writeFile(file, text);
  for (const path of [dir.path, file]) await chmod(path, 0o755);
  nats = await startNats({ extraArgs: ['-c', file] });
});
afterAll(async () => {
  for (const bus of buses) await bus.stop();
  await nats?.stop();
  await dir?.remove();
});

test('a DEA may not order what a controller orders, nor start anything', async () => {
  const [dea, other, controller] = [await as('dea'), await as('dea'), await as('cloud-controller')];
  const seen: string[] = [];
  other.subscribe(deaStop, ({ droplet }) => void seen.push(`stop ${droplet}`));
  other.subscribe(deaInstanceStart.for('other'), ({ droplet }) => void seen.push(`start ${droplet}`));
  controller.subscribe(healthStart, ({ droplet }) => void seen.push(`health ${droplet}`));
  controller.subscribe(deaHeartbeat, ({ dea: id }) => void seen.push(`beat ${id}`));
  const order = { droplet: 'forged', version: 'v', last_updated: 1, indices: [0], running: {} };
  // What is published on one connection arrives in order: once the last is there, the others would be.
  await waitFor(() => {
    dea.publish(deaStop, { droplet: 'forged' });
    dea.publish(healthStart, order);
    dea.publish(deaHeartbeat, { dea: 'd-1', droplets: [] });
    return seen.includes('beat d-1');
  });
  await waitFor(() => {
    controller.publish(deaStop, { droplet: 'real' });
    return seen.includes('stop real');
  });
  expect(seen.filter((one) => one.includes('forged'))).toEqual([]);
});

test('a DEA that evacuates hears the beats and adverts of the others', async () => {
  const [leaving, other] = [await as('dea'), await as('dea')];
  const seen = new Set<string>();
  leaving.subscribe(deaHeartbeat, () => void seen.add('beat'));
  leaving.subscribe(deaAdvertise, () => void seen.add('advert'));
  leaving.subscribe(deaShutdown, () => void seen.add('shutdown'));
  other.subscribe(deaLocate, () => void seen.add('locate'));
  await waitFor(() => {
    leaving.publish(deaLocate, {});
    other.publish(deaHeartbeat, { dea: 'd-2', droplets: [] });
    other.publish(deaAdvertise, { id: 'd-2', available_memory: 1 });
    other.publish(deaShutdown, { id: 'd-2', ip: '10.0.0.2' });
    return seen.size === 4;
  });
  expect([...seen].toSorted()).toEqual(['advert', 'beat', 'locate', 'shutdown']);
});

test('requests are answered, and nobody else can listen to the answers', async () => {
  const [router, dea, manager, controller] = [
    await as('router'),
    await as('dea'),
    await as('health-manager'),
    await as('cloud-controller'),
  ];
  router.subscribe(routerGreet, (_message, { reply }) =>
    reply?.({ id: 'r', hosts: ['10.0.0.1'], minimumRegisterIntervalInSeconds: 5 }),
  );
  controller.subscribe(bulkCredentials.for('default'), (_message, { reply }) =>
    reply?.({ user: 'bulk', password: 'secret' }),
  );
  expect(
    await waitFor(async () => (await dea.request(routerGreet, {}, { timeoutMs: 500 }))[0]),
  ).toMatchObject({ hosts: ['10.0.0.1'] });
  const ask = () => manager.request(bulkCredentials.for('default'), {}, { timeoutMs: 500 });
  expect(await waitFor(async () => (await ask())[0])).toEqual({ user: 'bulk', password: 'secret' });

  const overheard: unknown[] = [];
  const spy = { ...bulkCredentials.for('x'), name: '_INBOX_health_manager.>' };
  dea.subscribe(spy, (message) => void overheard.push(message));
  expect(await ask()).toHaveLength(1);
  expect(overheard).toEqual([]);
  expect(dea.connected).toBe(true);
});
