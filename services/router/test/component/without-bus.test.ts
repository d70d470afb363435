import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Bus, routerRegister, routerStart, vcapComponentDiscover } from '@vcap/bus';
import { systemClock } from '@vcap/clock';
import { silentLogger } from '@vcap/component';
import { freePort, startNats, tempDir, waitFor } from '@vcap/testkit';
import type { NatsServer, TempDir } from '@vcap/testkit';
import { join } from 'node:path';
import { startBackend } from '../support/backend.ts';
import type { Backend } from '../support/backend.ts';
import { ask } from '../support/client.ts';
import { startRouterProcess } from '../support/router-process.ts';
import type { RouterProcess } from '../support/router-process.ts';

let dir: TempDir;
let nats: NatsServer | undefined;
let bus: Bus | undefined;
let backend: Backend;
let router: RouterProcess | undefined;
let natsPort: number;
const longMs = { timeoutMs: 30_000 };
beforeEach(async () => {
  [dir, backend, natsPort] = await Promise.all([tempDir('router-no-bus'), startBackend(), freePort()]);
});
afterEach(async () => {
  await router?.stop();
  await bus?.stop();
  await nats?.stop();
  await backend.stop();
  await dir.remove();
  [router, bus, nats] = [undefined, undefined, undefined];
});

function run(readyWhen?: string): Promise<RouterProcess> {
  const settings = {
    start_interval_seconds: 0.2,
    return_spread_seconds: 0.1,
    status: { user: 'me', password: 'pass' },
    registry: { snapshot: join(dir.path, 'routes'), sweep_interval_seconds: 0.1, verify_seconds: 1 },
  };
  return startRouterProcess(`nats://127.0.0.1:${natsPort}`, settings, {}, readyWhen);
}

/** The bus, and a sender that registers these hosts whenever it is asked to. */
async function startBus(...uris: string[]): Promise<void> {
  nats = await startNats({ port: natsPort });
  const sender = new Bus({ servers: [nats.url], name: 'dea', log: silentLogger, clock: systemClock });
  bus = sender;
  await sender.start();
  const message = { host: '127.0.0.1', port: backend.port, uris, app: 'guid', tags: {} };
  sender.subscribe(routerStart, () => sender.publish(routerRegister, message));
}

async function stopBus(): Promise<void> {
  await bus?.stop();
  await nats?.stop();
  [bus, nats] = [undefined, undefined];
}

const status = async (host: string): Promise<number> => (await ask(router?.port ?? 0, { host })).status;
const health = async (): Promise<number> =>
  (await fetch(`http://127.0.0.1:${router?.healthPort}/health`)).status;

test('with a snapshot it serves at once; when the bus comes, only what is registered anew stays', async () => {
  await startBus('shop.test', 'old.test');
  router = await run();
  await waitFor(
    async () => (await status('shop.test')) === 200 && (await status('old.test')) === 200,
    longMs,
  );
  expect(await router.process.stop(20_000)).toBe(0);
  await router.stop();
  await stopBus();

  router = await run();
  expect(router.process.output()).toContain('"bus-absent"');
  expect([await health(), await status('shop.test'), await status('old.test')]).toEqual([200, 200, 200]);
  const unconfirmedEnds = systemClock.monotonic() + 1500;
  await waitFor(() => systemClock.monotonic() > unconfirmedEnds, longMs);
  expect([await status('shop.test'), await status('old.test')]).toEqual([200, 200]);

  await startBus('shop.test');
  await waitFor(async () => {
    expect(await status('shop.test')).toBe(200);
    return (await status('old.test')) === 503;
  }, longMs);
  const [found] = (await bus?.request(vcapComponentDiscover, {}, { timeoutMs: 20_000 })) ?? [];
  expect(found?.type).toBe('Router');
}, 90_000);

test('without a snapshot it lets nobody in, and its health says so, until the bus is there', async () => {
  router = await run('"health-listening"');
  expect(router.process.output()).toContain('"bus-absent"');
  await waitFor(async () => (await health()) === 503, longMs);
  expect(router.process.output()).not.toContain('"event":"listening"');
  await startBus('shop.test');
  const { process } = router;
  const port = await waitFor(() => /"event":"listening","port":(\d+)/.exec(process.output())?.[1], longMs);
  await waitFor(async () => (await ask(Number(port), { host: 'shop.test' })).status === 200, longMs);
  expect(await health()).toBe(200);
}, 90_000);
