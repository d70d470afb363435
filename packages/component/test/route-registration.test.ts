import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Bus, routerGreet, routerRegister, routerStart, routerUnregister } from '@vcap/bus';
import type { RouterRegister } from '@vcap/bus';
import { FakeClock, systemClock } from '@vcap/clock';
import { startNats, waitFor } from '@vcap/testkit';
import type { NatsServer } from '@vcap/testkit';
import { RouteRegistration, silentLogger } from '../src/index.ts';

let nats: NatsServer;
let mine: Bus;
let router: Bus;
const registered: RouterRegister[] = [];
const unregistered: RouterRegister[] = [];

beforeEach(async () => {
  nats = await startNats();
  const bus = async (name: string): Promise<Bus> => {
    const made = new Bus({ servers: [nats.url], name, log: silentLogger, clock: systemClock });
    await made.start();
    return made;
  };
  [mine, router] = await Promise.all([bus('mine'), bus('router')]);
  registered.length = 0;
  unregistered.length = 0;
  router.subscribe(routerRegister, (message) => void registered.push(message));
  router.subscribe(routerUnregister, (message) => void unregistered.push(message));
});
afterEach(async () => {
  await Promise.all([mine.stop(), router.stop()]);
  await nats.stop();
});

test('registers at start, as often as asked, when a router starts, and leaves at the end', async () => {
  const clock = new FakeClock();
  router.subscribe(routerGreet, (_message, { reply }) => {
    reply?.({ id: 'r1', minimumRegisterIntervalInSeconds: 2 });
  });
  const count = (n: number) => waitFor(() => registered.length >= n, { timeoutMs: 5000 });
  const route = { host: '127.0.0.1', port: 1234, uris: ['api.vcap.test'] };
  // A round trip makes sure that the router's subscriptions are known to the server.
  await waitFor(async () => (await mine.request(routerGreet, {}, { timeoutMs: 200 })).length > 0);
  const registration = new RouteRegistration({
    bus: mine,
    clock,
    component: 'CloudController',
    route: () => route,
  });
  await registration.start();
  await count(2);
  expect(registered[0]).toMatchObject({ ...route, tags: { component: 'CloudController' } });
  await clock.advance(2000);
  await count(3);
  router.publish(routerStart, { id: 'r2', minimumRegisterIntervalInSeconds: 20 });
  await count(4);
  await clock.advance(2000);
  await count(5);
  await registration.stop();
  await waitFor(() => unregistered.length > 0);
  expect(unregistered[0]).toMatchObject(route);
});
