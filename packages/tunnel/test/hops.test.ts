import { createServer as createHttpServer } from 'node:http';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { systemClock } from '@vcap/clock';
import { freePort, waitFor } from '@vcap/testkit';
import { CaldecottClient, LocalListener, TunnelError } from '../src/index.ts';
import type { ClientOptions } from '../src/index.ts';
import { startCuttingProxy } from './support/cutting-proxy.ts';
import { close, listen, program, startCaldecott, startEcho, token } from './support/servers.ts';
import type { RunningCaldecott, Started } from './support/servers.ts';

let echo: Started;
let caldecott: RunningCaldecott;
let cleanups: (() => Promise<void>)[];

beforeEach(async () => {
  cleanups = [];
  echo = await startEcho();
  caldecott = await startCaldecott({ allowed: [{ host: '127.0.0.1', port: echo.port }] });
});
afterEach(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
  await caldecott.stop();
  await echo.stop();
});

interface Through {
  port: number;
  failures: TunnelError[];
  said: string[];
}

/** A listener that carries to the echo through `url`. */
async function through(
  url: string,
  options: Partial<ClientOptions> = {},
  port = echo.port,
): Promise<Through> {
  const failures: TunnelError[] = [];
  const said: string[] = [];
  const client = new CaldecottClient({
    url,
    token,
    clock: systemClock,
    openMs: 500,
    resumeMs: 3000,
    onTrouble: (error) => said.push(`trouble: ${error.message}`),
    onRecovered: () => said.push('recovered'),
    onFallback: (error) => said.push(error.message),
    ...options,
  });
  const listener = new LocalListener({
    client,
    destination: { host: '127.0.0.1', port },
    onFailure: (error) => failures.push(error),
  });
  cleanups.push(async () => {
    await listener.stop();
    client.close();
  });
  return { port: await listener.start(0), failures, said };
}

/** An HTTP server that answers everything alike, as a router or a proxy on the way does. */
async function startAnswering(status: number, headers: Record<string, string>): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createHttpServer((_request, response) => response.writeHead(status, headers).end('text'));
  server.on('connection', (socket) => sockets.add(socket));
  cleanups.push(() => close(server, sockets));
  return `http://127.0.0.1:${await listen(server, 0)}`;
}

async function verifyFails(place: Through, hop: string, text: string): Promise<void> {
  const seen = await program(place.port, () => undefined);
  expect(seen.error).toBe('ECONNRESET');
  await waitFor(() => place.failures.length === 1);
  expect(place.failures[0]).toBeInstanceOf(TunnelError);
  expect(place.failures[0]?.message).toContain(text);
  expect(place.failures[0]?.hop).toBe(hop);
}

describe('the message names the hop that fails', () => {
  test('nobody listens at the address', async () => {
    const place = await through(`http://127.0.0.1:${await freePort()}`);
    await verifyFails(place, 'network', 'nobody listens there; given up after 1 s');
  });

  test('the name is not known', async () => {
    await verifyFails(await through('http://no-such-host.invalid'), 'network', 'no-such-host.invalid');
  });

  test('something listens and says nothing', async () => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => sockets.add(socket));
    cleanups.push(() => close(server, sockets));
    const client = new CaldecottClient({
      url: `http://127.0.0.1:${await listen(server, 0)}`,
      token,
      clock: systemClock,
      openMs: 500,
    });
    cleanups.push(async () => client.close());
    const answer = client.info().catch((error: unknown) => error);
    await once(server, 'connection');
    for (const socket of sockets) socket.destroy();
    server.close();
    expect((await answer) as Error).toMatchObject({ hop: 'network' });
  });

  test.each([
    [404, 'unknown_route', 'no application is mapped to'],
    [503, 'no_endpoints', 'no instance of the application'],
    [502, 'endpoint_failure', 'failed'],
  ])('the router answers %i %s', async (status, code, text) => {
    await verifyFails(
      await through(await startAnswering(status, { 'X-Cf-RouterError': code })),
      'router',
      text,
    );
  });

  test('a proxy on the way answers 503', async () => {
    await verifyFails(await through(await startAnswering(503, {})), 'router', 'answered 503');
  });

  test('something else answers 200', async () => {
    await verifyFails(await through(await startAnswering(200, {})), 'caldecott', 'not as a caldecott does');
  });

  test('the token is refused, at once', async () => {
    const place = await through(caldecott.url, { token: 'wrong', openMs: 60_000 });
    await verifyFails(place, 'caldecott', 'refused the token');
  });

  test('the destination is not one that the token opens', async () => {
    await verifyFails(await through(caldecott.url, {}, 22), 'caldecott', '127.0.0.1:22 is not the address');
  });

  test('the service is down', async () => {
    await echo.stop();
    await verifyFails(await through(caldecott.url), 'service', 'nobody listens there (ECONNREFUSED)');
  });

  test('the wanted local port is taken', async () => {
    const { port } = await through(caldecott.url);
    const client = new CaldecottClient({ url: caldecott.url, token, clock: systemClock });
    cleanups.push(async () => client.close());
    const second = new LocalListener({ client, destination: { host: '127.0.0.1', port: 1 } });
    await expect(second.start(port)).rejects.toMatchObject({
      hop: 'this machine',
      message: `this machine: port ${port} on 127.0.0.1 is in use`,
    });
  });

  test('without a wanted port, the first free one from 10000 on', async () => {
    const client = new CaldecottClient({ url: caldecott.url, token, clock: systemClock });
    const [one, two] = [1, 2].map(
      () => new LocalListener({ client, destination: { host: '127.0.0.1', port: echo.port } }),
    ) as [LocalListener, LocalListener];
    const first = await one.start();
    const second = await two.start();
    cleanups.push(async () => {
      await one.stop();
      await two.stop();
      client.close();
    });
    expect(first).toBeGreaterThanOrEqual(10_000);
    expect(second).toBeGreaterThan(first);
  });
});

describe.each(['http', 'websocket'] as const)('a blip over %s', (transport) => {
  /** A connection through the listener that has exchanged a word already. */
  async function talking(
    port: number,
  ): Promise<{ socket: Socket; heard: () => string; error: () => string }> {
    const socket = connect({ host: '127.0.0.1', port });
    let heard = '';
    let error = '';
    socket.on('data', (piece) => (heard += piece.toString()));
    socket.on('error', (cause: NodeJS.ErrnoException) => (error = cause.code ?? ''));
    cleanups.push(async () => void socket.destroy());
    socket.write('one ');
    await waitFor(() => heard === 'one ');
    return { socket, heard: () => heard, error: () => error };
  }

  test('of the network goes by unnoticed by the program, and the user is told', async () => {
    const proxy = await startCuttingProxy(caldecott.port, () => Infinity);
    const place = await through(`http://127.0.0.1:${proxy.port}`, { transport });
    const { socket, heard } = await talking(place.port);
    proxy.cutAll();
    socket.write('two ');
    await waitFor(() => heard() === 'one two ');
    await waitFor(() => place.said.at(-1) === 'recovered');
    expect(place.said[0]).toMatch(/^trouble: network: /);
    expect(place.failures).toEqual([]);
    await proxy.stop();
  });

  test('that lasts too long ends the program with an error', async () => {
    const proxy = await startCuttingProxy(caldecott.port, () => Infinity);
    const place = await through(`http://127.0.0.1:${proxy.port}`, { transport, resumeMs: 300 });
    const { error } = await talking(place.port);
    await proxy.stop();
    await waitFor(() => error() === 'ECONNRESET' && place.failures.length === 1);
    expect(place.failures[0]).toMatchObject({ hop: 'network' });
    expect(place.failures[0]?.message).toContain('given up after');
  });

  test('is told anew after one that ended a connection', async () => {
    const first = await startCuttingProxy(caldecott.port, () => Infinity);
    const place = await through(`http://127.0.0.1:${first.port}`, { transport, resumeMs: 1500 });
    const { error } = await talking(place.port);
    await first.stop();
    await waitFor(() => error() === 'ECONNRESET' && place.failures.length === 1, { timeoutMs: 20_000 });
    expect(place.said).toEqual([expect.stringMatching(/^trouble: network: /)]);
    const again = await startCuttingProxy(caldecott.port, () => Infinity, first.port);
    const { socket, heard } = await talking(place.port);
    place.said.length = 0;
    again.cutAll();
    socket.write('two ');
    await waitFor(() => heard() === 'one two ' && place.said.at(-1) === 'recovered');
    expect(place.said[0]).toMatch(/^trouble: network: /);
    await again.stop();
  });

  test('in which caldecott is started anew ends the program with an error that says so', async () => {
    const proxy = await startCuttingProxy(caldecott.port, () => Infinity);
    const place = await through(`http://127.0.0.1:${proxy.port}`, { transport, doubtMs: 300 });
    const { error } = await talking(place.port);
    const { port } = caldecott;
    // As a kill does it: no word to anybody.
    await caldecott.kill();
    await caldecott.stop();
    caldecott = await startCaldecott({ allowed: [{ host: '127.0.0.1', port: echo.port }], port });
    await waitFor(() => error() === 'ECONNRESET' && place.failures.length === 1, { timeoutMs: 20_000 });
    expect(place.failures[0]?.message).toBe(
      'caldecott: the instance that held this connection is gone (restarted or crashed)',
    );
    await proxy.stop();
  });
});

test('behind something that breaks upgrades the bytes go over HTTP, and the user is told once', async () => {
  const sockets = new Set<Socket>();
  const agentless = createHttpServer((request, response) => {
    const target = new URL(request.url ?? '/', caldecott.url);
    void import('node:http').then(({ request: ask }) => {
      const onward = ask(target, { method: request.method, headers: request.headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      });
      onward.on('error', () => response.destroy());
      response.on('close', () => onward.destroy());
      request.pipe(onward);
    });
  });
  // Without an upgrade listener Node answers an upgrade as an ordinary request; this one drops the header as well.
  agentless.on('upgrade', (_request, socket) => {
    socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
  });
  agentless.on('connection', (socket) => sockets.add(socket));
  cleanups.push(() => close(agentless, sockets));
  const place = await through(`http://127.0.0.1:${await listen(agentless, 0)}`);
  for (const word of ['first', 'second']) {
    const seen = await program(place.port, (socket) => socket.end(word));
    expect(seen).toMatchObject({ bytes: word.length, error: undefined });
  }
  expect(place.said).toEqual(['the upgrade to a WebSocket was answered 400']);
});
