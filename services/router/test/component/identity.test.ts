import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { waitFor } from '@vcap/testkit';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { startBackend } from '../support/backend.ts';
import type { Backend } from '../support/backend.ts';
import { ask } from '../support/client.ts';
import { startRouter } from '../support/router-under-test.ts';
import type { RouterUnderTest } from '../support/router-under-test.ts';

/** A DEA, as far as routers ask one. */
interface Witness {
  readonly identityPort: number;
  /** Who holds which port. */
  readonly holders: Map<number, string>;
  /** Questions answered so far. */
  asked: number;
  /** What it answers, if not who holds what. */
  instead: { status: number; body: string } | undefined;
}

let router: RouterUnderTest;
let backend: Backend;
let dea: Witness;
let server: Server;
const host = 'shop.test';
const longMs = { timeoutMs: 20_000 };
beforeEach(async () => {
  [router, backend] = await Promise.all([startRouter({ registry: { vouch_seconds: 0.2 } }), startBackend()]);
  const holders = new Map([[backend.port, 'p1']]);
  server = createServer((request, response) => {
    void text(request).then((question) => {
      const { instances } = JSON.parse(question) as { instances: Record<string, string> };
      const held = Object.keys(instances).filter((port) => holders.get(Number(port)) === instances[port]);
      dea.asked += 1;
      const { status, body } = dea.instead ?? {
        status: 200,
        body: JSON.stringify({ held: held.map(Number) }),
      };
      response.writeHead(status).end(body);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  dea = { identityPort: (server.address() as AddressInfo).port, holders, asked: 0, instead: undefined };
  await router.publish('router.register', {
    host: '127.0.0.1',
    port: backend.port,
    uris: [host],
    app: 'old',
    private_instance_id: 'p1',
    dea: 'dea-1',
    identity_port: dea.identityPort,
  });
  await waitFor(() => router.varz('urls') === 1, longMs);
  await router.nats.kill();
});
afterEach(async () => {
  await router.stop();
  await backend.stop();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** Until it has been asked once more from here on, and the router has taken the answer in. */
async function askedAgain(): Promise<void> {
  const before = dea.asked;
  await waitFor(() => dea.asked >= before + 2, longMs);
}

test('a port that another application took while the bus was away: nobody gets the other’s answer', async () => {
  dea.holders.delete(backend.port);
  await backend.stop();
  await askedAgain();
  // The DEA has let the port rest for longer than that.
  dea.holders.set(backend.port, 'p2');
  backend = await startBackend((_request, response) => response.end('heir'), backend.port);
  for (let visits = 0; visits < 5; visits += 1) {
    const { status, headers, body } = await ask(router.port, { host });
    expect(body).not.toContain('heir');
    expect([status, headers['x-cf-routererror']]).toEqual([503, 'no_endpoints']);
  }
  expect(backend.requests).toEqual([]);
  expect(router.varz('identity_probes')).toMatchObject({ disowned: 1 });
});

test('one that still holds its port is served on, and comes back after it had failed', async () => {
  await backend.stop();
  expect((await ask(router.port, { host })).status).toBe(502);
  backend = await startBackend(undefined, backend.port);
  await waitFor(async () => (await ask(router.port, { host })).status === 200, longMs);
  await askedAgain();
  expect((await ask(router.port, { host })).status).toBe(200);
});

test.each([
  { status: 404, body: 'Another DEA is here.' },
  { status: 200, body: '{}' },
  { status: 200, body: 'nonsense' },
  { status: 503, body: '' },
])('an answer that says nothing changes nothing: %j', async (instead) => {
  dea.instead = instead;
  dea.holders.clear();
  await askedAgain();
  expect((await ask(router.port, { host })).status).toBe(200);
  expect(router.varz('identity_probes')).toMatchObject({ disowned: 0 });
});
