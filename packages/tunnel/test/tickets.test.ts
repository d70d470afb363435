import { createServer } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { systemClock } from '@vcap/clock';
import { waitFor } from '@vcap/testkit';
import { CaldecottClient, LocalListener, Tickets, TunnelServer } from '../src/index.ts';
import type { TicketClaims, TunnelError } from '../src/index.ts';
import { close, listen, startEcho } from './support/servers.ts';

const key = 'a key of at least thirty-two characters';
const claims: TicketClaims = {
  session: 's1',
  user: 'dev@example.com',
  service: 'db1',
  destination: { host: '10.0.0.5', port: 3306 },
  expiresAt: 2000,
};

describe('a ticket', () => {
  const tickets = new Tickets([key]);

  test('says what was signed until it expires', () => {
    expect(tickets.read(tickets.sign(claims), 1999)).toEqual(claims);
    expect(tickets.read(tickets.sign(claims), 2000)).toBeUndefined();
  });

  test('of another key, changed or without form is nothing', () => {
    const [body = '', mac = ''] = tickets.sign(claims).split('.');
    const changed = Buffer.from(Buffer.from(body, 'base64url').toString().replace('3306', '4222')).toString(
      'base64url',
    );
    const others = [
      `${changed}.${mac}`,
      `${body}.`,
      body,
      '',
      `${body}.${mac}.`,
      'x'.repeat(5000),
      `${body}.${mac.slice(1)}`,
    ];
    for (const each of others) expect(tickets.read(each, 0)).toBeUndefined();
    expect(new Tickets([key.toUpperCase()]).read(tickets.sign(claims), 0)).toBeUndefined();
  });

  test('is read with any key and signed with the first', () => {
    const newer = new Tickets([key.toUpperCase(), key]);
    expect(newer.read(tickets.sign(claims), 0)).toEqual(claims);
    expect(tickets.read(newer.sign(claims), 0)).toBeUndefined();
  });

  test('needs a key that cannot be guessed', () => {
    expect(() => new Tickets(['short'])).toThrow('32 characters');
    expect(() => new Tickets([])).toThrow('need a key');
  });
});

describe.each(['http', 'websocket'] as const)('the end of a ticket over %s', (transport) => {
  test('cuts the tunnel, unless the ticket was renewed', async () => {
    const echo = await startEcho();
    const tickets = new Tickets([key]);
    const tunnels = new TunnelServer({
      clock: systemClock,
      limits: { sweepMs: 100, pollMs: 300 },
      authorise: (given) => {
        const read = tickets.read(given ?? '', Date.now());
        return read && { owner: read.session, expiresAt: read.expiresAt, allows: () => true };
      },
    });
    const sockets = new Set<Socket>();
    const server = createServer((request, response) => {
      tunnels.guard(request, response, () => {
        tunnels.handle(request, response, () => {
          response.setHeader('Content-Type', 'application/json');
          response.end('{"version":"0.0.4","transports":["websocket","http"],"half_close":true}');
        });
      });
    });
    server.on('upgrade', (request, socket, head) => tunnels.upgrade(request, socket, head));
    server.on('connection', (socket) => sockets.add(socket));
    tunnels.start();
    const ticket = (seconds: number): string =>
      tickets.sign({ ...claims, expiresAt: Date.now() + seconds * 1000 });
    const began = Date.now();
    let token = ticket(4);
    const failures: TunnelError[] = [];
    const client = new CaldecottClient({
      url: `http://127.0.0.1:${await listen(server, 0)}`,
      token: () => token,
      clock: systemClock,
      transport,
      renewalMs: 200,
    });
    const listener = new LocalListener({
      client,
      destination: { host: '127.0.0.1', port: echo.port },
      onFailure: (error) => failures.push(error),
    });
    const socket = connect({ host: '127.0.0.1', port: await listener.start(0) });
    let broken = false;
    socket.on('error', () => (broken = true));
    socket.write('hello');
    await waitFor(() => tunnels.registry.size === 1);
    token = ticket(6);
    await waitFor(() => broken && tunnels.registry.size === 0 && failures.length === 1, {
      timeoutMs: 25_000,
    });
    expect(Date.now() - began).toBeGreaterThan(5900);
    expect(failures[0]?.hop).toBe('caldecott');
    await listener.stop();
    client.close();
    tunnels.stop();
    await close(server, sockets);
    await echo.stop();
  });
});
