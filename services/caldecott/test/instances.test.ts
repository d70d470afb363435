import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createServer, connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Bus, routerRegister } from '@vcap/bus';
import { systemClock } from '@vcap/clock';
import { silentLogger } from '@vcap/component';
import { freePort, startNats, startProcess, tempDir, waitFor } from '@vcap/testkit';
import type { NatsServer, RunningProcess, TempDir } from '@vcap/testkit';
import { CaldecottClient, LocalListener } from '@vcap/tunnel';
import type { Transport, TunnelError } from '@vcap/tunnel';
import { stringify } from 'yaml';
import { exchange, startEcho } from './support/echo.ts';
import type { Echo } from './support/echo.ts';
import { bindingEnv, startHelper, token } from './support/helper-process.ts';
import type { HelperProcess } from './support/helper-process.ts';

const routerMain = fileURLToPath(new URL('../../router/src/main.ts', import.meta.url));
const host = 'caldecott-1a2b.localhost';

let nats: NatsServer;
let dir: TempDir;
let bus: Bus;
let echo: Echo;
let helpers: HelperProcess[];
let router: RunningProcess;
let routerPort: number;
let registering: NodeJS.Timeout;

async function startRouter(): Promise<void> {
  const config = join(dir.path, 'router.yml');
  const own = { ip: '127.0.0.1', port: routerPort, drain: { timeout_seconds: 0 } };
  await writeFile(config, stringify({ mbus: nats.url, local_route: '127.0.0.1', ...own }));
  router = await startProcess({
    argv: [
      process.execPath,
      '--conditions=source',
      '--disable-warning=ExperimentalWarning',
      routerMain,
      '--config',
      config,
    ],
    readyWhen: '"event":"ready"',
  });
}

/** As the DEAs of the instances do, only oftener. */
function register(): void {
  for (const [index, { port }] of helpers.entries()) {
    bus.publish(routerRegister, {
      host: '127.0.0.1',
      port,
      uris: [host],
      app: 'caldecott',
      tags: {},
      private_instance_id: `instance-${index}`,
    });
  }
}

beforeAll(async () => {
  nats = await startNats();
  dir = await tempDir('caldecott-router');
  echo = await startEcho();
  routerPort = await freePort();
  bus = new Bus({ servers: [nats.url], name: 'test', log: silentLogger, clock: systemClock });
  await bus.start();
  helpers = await Promise.all([1, 2, 3].map(() => startHelper(bindingEnv(echo.port))));
  registering = setInterval(register, 200);
  await startRouter();
}, 60_000);
afterAll(async () => {
  clearInterval(registering);
  await router.stop();
  for (const helper of helpers) await helper.stop();
  await bus.stop();
  await echo.stop();
  await nats.stop();
  await dir.remove();
}, 60_000);

interface Place {
  port: number;
  failures: TunnelError[];
  said: string[];
  stop(): Promise<void>;
}

async function listen(transport: Transport): Promise<Place> {
  const failures: TunnelError[] = [];
  const said: string[] = [];
  const client = new CaldecottClient({
    url: `http://${host}:${routerPort}`,
    token,
    clock: systemClock,
    transport,
    onTrouble: (error) => said.push(error.message),
    onRecovered: () => said.push('recovered'),
  });
  await client.info(); // a router that has just started waits for registrations
  said.length = 0;
  const listener = new LocalListener({
    client,
    destination: { host: '127.0.0.1', port: echo.port },
    onFailure: (error) => failures.push(error),
  });
  const stop = async (): Promise<void> => {
    await listener.stop();
    client.close();
  };
  return { port: await listener.start(0), failures, said, stop };
}

describe.each(['http', 'websocket'] as const)('three instances behind a router, over %s', (transport) => {
  test('each tunnel stays with the instance that opened it', async () => {
    const place = await listen(transport);
    const data = Array.from({ length: 12 }, () => randomBytes(500_000));
    const back = await Promise.all(data.map((each) => exchange(place.port, each)));
    expect(back.every((each, at) => each.equals(data[at] ?? each))).toBe(true);
    expect(place.failures).toEqual([]);
    expect(place.said).toEqual([]);
    await place.stop();
    const users = helpers.filter(({ process }) => process.output().includes('tunnel-closed'));
    expect(users.length).toBeGreaterThan(1);
  });

  test('a router that is killed and started anew is noticed by the user alone', async () => {
    const place = await listen(transport);
    const socket = connect({ host: '127.0.0.1', port: place.port });
    let heard = '';
    socket.on('data', (piece) => (heard += piece.toString()));
    socket.write('before ');
    await waitFor(() => heard === 'before ');
    await router.kill();
    socket.write('while ');
    await waitFor(() => place.said.length > 0);
    await startRouter();
    socket.write('after ');
    await waitFor(() => heard === 'before while after ', { timeoutMs: 20_000 });
    await waitFor(() => place.said.at(-1) === 'recovered');
    expect(place.failures).toEqual([]);
    socket.destroy();
    await place.stop();
  });
});

const slow = { timeoutMs: 20_000 };

interface Answer {
  status: number | undefined;
  headers: IncomingHttpHeaders;
  text: string;
}

/** A request as the original clients make it: they keep no cookies. */
async function ask(method: string, path: string, cookie?: string): Promise<Answer> {
  const headers = { Host: host, 'Auth-Token': token, ...(cookie === undefined ? {} : { Cookie: cookie }) };
  const call = request({ host: '127.0.0.1', port: routerPort, method, path, headers });
  call.end(method === 'POST' ? JSON.stringify({ host: '127.0.0.1', port: echo.port }) : '');
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  let text = '';
  for await (const piece of response.setEncoding('utf8')) text += piece as string;
  return { status: response.statusCode, headers: response.headers, text };
}

test('a client without cookies needs one instance: another one says 404, and takes and gives nothing', async () => {
  const opened = await ask('POST', '/tunnels');
  const { path } = JSON.parse(opened.text) as { path: string };
  const cookie = (opened.headers['set-cookie'] ?? []).map((line) => line.split(';', 1)[0]).join('; ');
  expect(cookie).toMatch(/JSESSIONID=.*__VCAP_ID__=instance-\d|__VCAP_ID__=instance-\d.*JSESSIONID=/);
  const holder = opened.headers['tunnel-instance'];
  // Once it has met all three.
  const met = new Map<unknown, unknown>();
  await waitFor(async () => {
    const { status, headers } = await ask('GET', path);
    met.set(headers['tunnel-instance'], status);
    return met.size === 3;
  }, slow);
  for (const [instance, status] of met)
    expect([instance, status]).toEqual([instance, instance === holder ? 200 : 404]);
  // The originals end the connection with a 404, so that their program sees it.
  await waitFor(async () => (await ask('PUT', `${path}/in/1`)).status === 404, slow);
  for (let time = 0; time < 6; time += 1) expect((await ask('GET', path, cookie)).status).toBe(200);
  expect((await ask('DELETE', path, cookie)).status).toBe(200);
});

test('an instance that is killed ends its connections with an error, and others take the next', async () => {
  const place = await listen('websocket');
  const sockets = Array.from({ length: 6 }, () => connect({ host: '127.0.0.1', port: place.port }));
  let resets = 0;
  for (const socket of sockets) socket.on('error', () => (resets += 1));
  await waitFor(() => echo.open() === 6);
  await helpers[0]?.process.kill();
  // Those of the other two go on.
  await waitFor(() => resets > 0, { timeoutMs: 30_000 });
  expect(resets).toBeLessThan(6);
  expect(place.failures[0]?.hop).toBe('caldecott');
  expect(place.failures[0]?.message).toContain('restarted or crashed');
  const data = randomBytes(100_000);
  expect((await exchange(place.port, data)).equals(data)).toBe(true);
  for (const socket of sockets) socket.destroy();
  await place.stop();
}, 60_000);

test('a service that is down is told as such, through everything', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const helper = await startHelper(bindingEnv(port));
  const client = new CaldecottClient({ url: helper.url, token, clock: systemClock });
  const failures: TunnelError[] = [];
  const listener = new LocalListener({
    client,
    destination: { host: '127.0.0.1', port },
    onFailure: (error) => failures.push(error),
  });
  await expect(exchange(await listener.start(0), Buffer.from('x'))).rejects.toMatchObject({
    code: 'ECONNRESET',
  });
  await waitFor(() => failures.length === 1);
  expect(failures[0]?.message).toBe(
    `service: 127.0.0.1:${port} cannot be reached: nobody listens there (ECONNREFUSED)`,
  );
  await listener.stop();
  client.close();
  await helper.stop();
});
