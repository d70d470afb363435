import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Bus, routerRegister, routerUnregister, tunnelRevoke, tunnelSession } from '@vcap/bus';
import type { RouterRegister, TunnelSession } from '@vcap/bus';
import { systemClock } from '@vcap/clock';
import { silentLogger } from '@vcap/component';
import { startNats, startProcess, tempDir, waitFor } from '@vcap/testkit';
import type { NatsServer, RunningProcess, TempDir } from '@vcap/testkit';
import { CaldecottClient, LocalListener, Tickets } from '@vcap/tunnel';
import type { TicketClaims, TunnelError } from '@vcap/tunnel';
import { stringify } from 'yaml';
import { exchange, startEcho } from './support/echo.ts';
import type { Echo } from './support/echo.ts';

const key = randomBytes(32).toString('hex');
const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

let nats: NatsServer;
let dir: TempDir;
let bus: Bus;
let echo: Echo;
let endpoint: RunningProcess;
let url: string;
let registered: RouterRegister[];
let unregistered: number;
let sessions: TunnelSession[];

async function startEndpoint(more: object = {}): Promise<void> {
  const config = join(dir.path, 'caldecott.yml');
  const own = { port: 0, bind_address: '127.0.0.1', keys: { tickets: [key] }, ...more };
  await writeFile(config, stringify({ mbus: nats.url, local_route: '127.0.0.1', ...own }));
  endpoint = await startProcess({
    argv: [
      process.execPath,
      '--conditions=source',
      '--disable-warning=ExperimentalWarning',
      main,
      '--config',
      config,
    ],
    readyWhen: '"event":"ready"',
  });
  const [{ host, port }] = await waitFor(() => registered.length > 0 && (registered as [RouterRegister]));
  url = `http://${host}:${port}`;
}

const ticket = (claims: Partial<TicketClaims> = {}, signer = new Tickets([key])): string =>
  signer.sign({
    session: 's1',
    user: 'dev@example.com',
    service: 'db1',
    destination: { host: '127.0.0.1', port: echo.port },
    expiresAt: Date.now() + 60_000,
    ...claims,
  });

const status = async (token: string, path = '/info'): Promise<number> =>
  (await fetch(url + path, { headers: { 'Auth-Token': token } })).status;

/** Opens a tunnel to the echo and gives back its path. */
async function openTunnel(token: string): Promise<string> {
  const response = await fetch(`${url}/tunnels`, {
    method: 'POST',
    headers: { 'Auth-Token': token },
    body: JSON.stringify({ host: '127.0.0.1', port: echo.port }),
  });
  return ((await response.json()) as { path: string }).path;
}

beforeEach(async () => {
  registered = [];
  unregistered = 0;
  sessions = [];
  nats = await startNats();
  dir = await tempDir('caldecott-direct');
  echo = await startEcho();
  bus = new Bus({ servers: [nats.url], name: 'test', log: silentLogger, clock: systemClock });
  await bus.start();
  bus.subscribe(routerRegister, (message) => void registered.push(message));
  bus.subscribe(routerUnregister, () => void (unregistered += 1));
  bus.subscribe(tunnelSession, (message) => void sessions.push(message));
});
afterEach(async () => {
  await endpoint.stop();
  await bus.stop();
  await echo.stop();
  await nats.stop();
  await dir.remove();
});

describe("the operator's endpoint", () => {
  test('carries a session, tells who used it, and leaves the routers when it stops', async () => {
    await startEndpoint();
    expect(registered[0]).toMatchObject({ uris: ['tunnel.vcap.me'], tags: { component: 'Caldecott' } });
    expect(registered[0]?.private_instance_id).toMatch(/\w/);
    const client = new CaldecottClient({ url, token: () => ticket(), clock: systemClock });
    const listener = new LocalListener({ client, destination: { host: '127.0.0.1', port: echo.port } });
    const data = randomBytes(300_000);
    expect((await exchange(await listener.start(0), data)).equals(data)).toBe(true);
    await listener.stop();
    client.close();
    await waitFor(() => sessions.length === 2);
    expect(sessions[0]).toMatchObject({
      session: 's1',
      event: 'opened',
      user: 'dev@example.com',
      service: 'db1',
      open: 1,
    });
    expect(sessions[1]).toMatchObject({
      session: 's1',
      event: 'closed',
      open: 0,
      bytes_in: 300_000,
      bytes_out: 300_000,
    });
    expect(await endpoint.stop()).toBe(0);
    await waitFor(() => unregistered === 1);
    expect(endpoint.output()).not.toContain(key);
    expect(endpoint.output()).not.toContain(ticket().split('.')[1]);
  });

  test('refuses tickets that are forged, expired, for too long, or for another place', async () => {
    await startEndpoint();
    expect(await status(ticket())).toBe(200);
    const [body = '', mac = ''] = ticket().split('.');
    const otherBody = Buffer.from(
      Buffer.from(body, 'base64url').toString().replace('127.0.0.1', '10.0.0.99'),
    ).toString('base64url');
    const bad = [
      '',
      'x',
      `${body}.`,
      `.${mac}`,
      `${body}.${mac}.${mac}`,
      `${otherBody}.${mac}`,
      ticket({}, new Tickets([randomBytes(32).toString('hex')])),
      ticket({ expiresAt: Date.now() - 1 }),
      ticket({ expiresAt: Date.now() + 48 * 3600 * 1000 }),
    ];
    for (const each of bad) expect([each, await status(each)]).toEqual([each, 404]);
    const response = await fetch(`${url}/tunnels`, {
      method: 'POST',
      headers: { 'Auth-Token': ticket() },
      body: JSON.stringify({ host: '127.0.0.1', port: Number(new URL(nats.url).port) }),
    });
    expect(response.status).toBe(403);
  });

  test('shows one session nothing of another', async () => {
    await startEndpoint();
    const path = await openTunnel(ticket());
    const other = ticket({ session: 's2' });
    expect(await status(ticket(), path)).toBe(200);
    expect(await status(other, path)).toBe(404);
    const list = await fetch(`${url}/tunnels`, { headers: { 'Auth-Token': other } });
    expect(await list.json()).toEqual([]);
  });

  test.each(['http', 'websocket'] as const)(
    'cuts a session over %s that was revoked, and takes its tickets no more',
    async (transport) => {
      await startEndpoint();
      const failures: TunnelError[] = [];
      const client = new CaldecottClient({ url, token: () => ticket(), clock: systemClock, transport });
      const destination = { host: '127.0.0.1', port: echo.port };
      const listener = new LocalListener({ client, destination, onFailure: (error) => failures.push(error) });
      await listener.start(0);
      const socket = connect({ host: '127.0.0.1', port: listener.port });
      const broken = new Promise((resolve) => socket.on('error', resolve));
      socket.write('hello');
      await once(socket, 'data');
      const other = await openTunnel(ticket({ session: 's2' }));
      bus.publish(tunnelRevoke, { session: 's1', reason: 'the service was unbound' });
      expect(await broken).toMatchObject({ code: 'ECONNRESET' });
      await waitFor(() => echo.open() === 1 && failures.length === 1);
      expect(failures[0]?.message).toBe('caldecott: the service was unbound');
      expect(await status(ticket())).toBe(404);
      // Nobody else's.
      expect(await status(ticket({ session: 's2' }), other)).toBe(200);
      const closed = await waitFor(() => sessions.find(({ event }) => event === 'closed'));
      expect(closed).toMatchObject({ session: 's1', reason: 'the service was unbound', open: 0 });
      await listener.stop();
      client.close();
    },
  );

  test('keeps to its networks whatever a ticket says', async () => {
    await startEndpoint({ allowed_networks: ['10.0.0.0/8', 'fd00::/8'] });
    const response = await fetch(`${url}/tunnels`, {
      method: 'POST',
      headers: { 'Auth-Token': ticket() },
      body: JSON.stringify({ host: '127.0.0.1', port: echo.port }),
    });
    expect(response.status).toBe(502);
    expect(await response.text()).toContain('outside the networks');
    expect(echo.open()).toBe(0);
  });

  test('takes tickets of an older key while a new one comes in', async () => {
    const newer = randomBytes(32).toString('hex');
    await startEndpoint({ keys: { tickets: [newer, key] } });
    expect(await status(ticket())).toBe(200);
    expect(await status(ticket({}, new Tickets([newer, key])))).toBe(200);
  });
});
