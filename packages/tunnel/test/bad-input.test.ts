import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { waitFor } from '@vcap/testkit';
import { WebSocket } from 'ws';
import { Raw } from './support/raw.ts';
import { startCaldecott, startTcp, token } from './support/servers.ts';
import type { RunningCaldecott, Started } from './support/servers.ts';

let accepted: Socket[];
let destination: Started;
let caldecott: RunningCaldecott;
let raw: Raw;

beforeEach(async () => {
  accepted = [];
  destination = await startTcp((socket) => {
    accepted.push(socket);
    socket.on('end', () => socket.end());
  });
  caldecott = await startCaldecott({
    allowed: [{ host: '127.0.0.1', port: destination.port }],
    limits: { maxPutBytes: 1_000_000, pollMs: 15_000, maxTunnels: 3, maxWaiting: 3, bodyIdleMs: 500 },
  });
  raw = new Raw(caldecott);
});
afterEach(async () => {
  await caldecott.stop();
  await destination.stop();
});

const received = (socket: Socket | undefined): (() => Buffer) => {
  const pieces: Buffer[] = [];
  socket?.on('data', (piece) => pieces.push(piece));
  return () => Buffer.concat(pieces);
};

describe('POST /tunnels', () => {
  test.each([
    ['nothing', '', 400],
    ['no JSON', 'host=10.0.0.5', 400],
    ['no object', '7', 400],
    ['no port', '{"host":"127.0.0.1"}', 400],
    ['a port that is none', '{"host":"127.0.0.1","port":70000}', 400],
    ['a text as port', '{"host":"127.0.0.1","port":"3306"}', 400],
    ['a host that is an object', '{"host":{"a":1},"port":3306}', 400],
    ['a giant', `{"host":"${'x'.repeat(5000)}","port":3306}`, 413],
  ])('with %s is refused', async (_what, body, status) => {
    expect((await raw.ask('POST', '/tunnels', body)).status).toBe(status);
    expect(accepted).toEqual([]);
  });

  test('for a place that nobody listens at says so', async () => {
    await destination.stop();
    const got = await raw.ask(
      'POST',
      '/tunnels',
      JSON.stringify({ host: '127.0.0.1', port: destination.port }),
    );
    expect(got).toMatchObject({ status: 502, code: 'destination-refused' });
    expect(got.text).toContain('nobody listens there');
  });

  test('is refused when enough are open, and allowed again when one went', async () => {
    const paths = [1, 2, 3].map(() => raw.open(destination.port));
    const body = JSON.stringify({ host: '127.0.0.1', port: destination.port });
    const [first = ''] = await Promise.all(paths);
    expect(await raw.ask('POST', '/tunnels', body)).toMatchObject({ status: 503, code: 'too-many-tunnels' });
    await raw.ask('DELETE', first);
    expect((await raw.ask('POST', '/tunnels', body)).status).toBe(201);
  });

  test('whose sender leaves while it waits leaves no tunnel', async () => {
    const socket = connect({ host: '127.0.0.1', port: caldecott.port });
    socket.write(
      `POST /tunnels HTTP/1.1\r\nHost: x\r\nAuth-Token: ${token}\r\nContent-Length: 100\r\n\r\n{"host"`,
    );
    await once(socket, 'connect');
    socket.destroy();
    await raw.ask('GET', '/tunnels');
    expect(caldecott.tunnels.registry.size).toBe(0);
  });
});

test.each([
  ['GET', '/tunnels/none', 404],
  ['GET', '/tunnels/none/out/1', 404],
  ['PUT', '/tunnels/none/in/1', 404],
  ['DELETE', '/tunnels/none', 404],
  ['GET', '/tunnels/../info', 200],
  ['GET', '/tunnels/none/out/-1', 404],
  ['GET', '/tunnels/none/out/1e3', 404],
  ['GET', `/tunnels/none/out/${'9'.repeat(40)}`, 404],
  ['PATCH', '/tunnels', 405],
])('%s %s is answered %i', async (method, path, status) => {
  expect((await raw.ask(method, path)).status).toBe(status);
});

describe('sequence numbers', () => {
  test('out of order, from several at once, change nothing', async () => {
    const path = await raw.open(destination.port);
    const heard = received(accepted[0]);
    const numbers = [7, 3, 2, 0, 999_999_999_999_999];
    const got = await Promise.all(numbers.map((n) => raw.ask('PUT', `${path}/in/${n}`, `wrong ${n}`)));
    expect(got.map(({ status }) => status)).toEqual([400, 400, 400, 400, 400]);
    expect((await raw.ask('PUT', `${path}/in/1`, 'right')).status).toBe(202);
    expect((await raw.ask('PUT', `${path}/in/1`, 'right')).status).toBe(201);
    expect((await raw.ask('PUT', `${path}/in/2`, ' and on')).status).toBe(202);
    await waitFor(() => heard().toString() === 'right and on');
  });

  test('of many GETs that wait all are answered, and too many are refused', async () => {
    const path = await raw.open(destination.port);
    const gets = [1, 1, 1, 1].map((n) => raw.ask('GET', `${path}/out/${n}`));
    const refused = await Promise.any(
      gets.map((get) => get.then((got) => (got.status === 503 ? got : Promise.reject(got)))),
    );
    expect(refused.code).toBe('too-many-requests');
    accepted[0]?.write('at last');
    const texts = (await Promise.all(gets)).filter(({ status }) => status === 200).map(({ text }) => text);
    expect(texts).toEqual(['at last', 'at last', 'at last']);
  });

  test('a GET that waits is answered empty before routers lose patience, and nothing is skipped', async () => {
    const allowed = [{ host: '127.0.0.1', port: destination.port }];
    const hasty = await startCaldecott({ allowed, limits: { pollMs: 400 } });
    const asks = new Raw(hasty);
    const path = await asks.open(destination.port);
    expect(await asks.ask('GET', `${path}/out/1`)).toMatchObject({ status: 200, text: '' });
    accepted[0]?.write('late');
    expect(await asks.ask('GET', `${path}/out/1`)).toMatchObject({ status: 200, text: '' });
    await waitFor(() => hasty.tunnels.registry.buffered > 0);
    expect(await asks.ask('GET', `${path}/out/2`)).toMatchObject({ status: 200, text: 'late' });
    expect((await asks.ask('GET', `${path}/out/1`)).status).toBe(400);
    await hasty.stop();
  });

  test('a PUT after the destination closed is not taken, and is told as often as it is asked', async () => {
    const path = await raw.open(destination.port);
    accepted[0]?.resetAndDestroy();
    for (let times = 0; times < 3; times += 1) {
      expect(await raw.ask('GET', `${path}/out/1`)).toMatchObject({
        status: 410,
        code: 'destination-closed',
      });
      expect(await raw.ask('PUT', `${path}/in/1`, 'lost?')).toMatchObject({ status: 410 });
    }
  });
});

describe('a PUT that breaks off', () => {
  /** Sends the head of a PUT and a part of its body, and cuts once the part has arrived. */
  async function breakOff(path: string, length: number, part: string): Promise<void> {
    const heard = received(accepted[0]);
    const socket = connect({ host: '127.0.0.1', port: caldecott.port });
    socket.on('error', () => undefined);
    socket.write(
      `PUT ${path} HTTP/1.1\r\nHost: x\r\nAuth-Token: ${token}\r\nContent-Length: ${length}\r\n\r\n${part}`,
    );
    await waitFor(() => heard().toString() === part);
    socket.resetAndDestroy();
  }

  test('goes on where it broke when it is repeated', async () => {
    const path = await raw.open(destination.port);
    const heard = received(accepted[0]);
    await breakOff(`${path}/in/1`, 11, 'hello');
    expect((await raw.ask('PUT', `${path}/in/1`, 'hello world')).status).toBe(202);
    await waitFor(() => heard().toString() === 'hello world');
  });

  test.each([
    ['other', 'jello world'],
    ['fewer', 'hel'],
  ])('ends the tunnel when the repeat has %s bytes: a gap is never silent', async (_what, body) => {
    const path = await raw.open(destination.port);
    let reset = '';
    accepted[0]?.on('error', (error: NodeJS.ErrnoException) => (reset = error.code ?? ''));
    await breakOff(`${path}/in/1`, 11, 'hello');
    expect(await raw.ask('PUT', `${path}/in/1`, body)).toMatchObject({ status: 400, code: 'altered-repeat' });
    await waitFor(() => reset === 'ECONNRESET' && caldecott.tunnels.registry.size === 0);
    expect(caldecott.events.at(-1)?.reason).toContain('other bytes');
  });

  test('or stays open without a word makes room for its repeat', async () => {
    const path = await raw.open(destination.port);
    const heard = received(accepted[0]);
    const silent = connect({ host: '127.0.0.1', port: caldecott.port });
    silent.write(
      `PUT ${path}/in/1 HTTP/1.1\r\nHost: x\r\nAuth-Token: ${token}\r\nContent-Length: 11\r\n\r\nhello`,
    );
    await waitFor(() => heard().toString() === 'hello');
    expect((await raw.ask('PUT', `${path}/in/1`, 'hello world')).status).toBe(202);
    expect(heard().toString()).toBe('hello world');
    if (!silent.destroyed)
      await once(
        silent.on('error', () => undefined),
        'close',
      );
  });

  test('is given up when its bytes stop coming', async () => {
    const path = await raw.open(destination.port);
    const silent = connect({ host: '127.0.0.1', port: caldecott.port });
    silent.on('error', () => undefined);
    silent.write(
      `PUT ${path}/in/1 HTTP/1.1\r\nHost: x\r\nAuth-Token: ${token}\r\nContent-Length: 11\r\n\r\nhello`,
    );
    await once(silent, 'close');
    expect((await raw.ask('PUT', `${path}/in/1`, 'hello world')).status).toBe(202);
  });
});

describe('giants', () => {
  test('a PUT with too great a length is refused unread', async () => {
    const path = await raw.open(destination.port);
    expect((await raw.ask('PUT', `${path}/in/1`, Buffer.alloc(1_000_001))).status).toBe(413);
    expect((await raw.ask('PUT', `${path}/in/1`, Buffer.alloc(1_000_000))).status).toBe(202);
  });

  test('a PUT that grows too large ends the tunnel', async () => {
    const path = await raw.open(destination.port);
    accepted[0]?.resume();
    const endless = new ReadableStream({ pull: (stream) => stream.enqueue(new Uint8Array(100_000)) });
    await raw.ask('PUT', `${path}/in/1`, endless).catch(() => undefined);
    await waitFor(() => caldecott.tunnels.registry.size === 0);
    expect(caldecott.events.at(-1)?.reason).toContain('too large');
  });
});

describe('the WebSocket of a tunnel', () => {
  const openSocket = async (path: string, headers = { 'Auth-Token': token }): Promise<WebSocket> => {
    const socket = new WebSocket(`ws://127.0.0.1:${caldecott.port}${path}`, { headers });
    socket.on('error', () => undefined);
    return socket;
  };
  const closeCode = async (socket: WebSocket): Promise<number> =>
    ((await once(socket, 'close')) as [number])[0];
  const refusal = async (socket: WebSocket): Promise<number | undefined> => {
    const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode?: number }];
    socket.terminate();
    return response.statusCode;
  };

  test.each([
    ['no JSON', 'hello'],
    ['an unknown kind', '{"type":"other"}'],
    ['bytes claimed that never were', '{"type":"hello","received":5,"window":1000}'],
    ['a negative number', '{"type":"hello","received":-1,"window":1000}'],
    ['an acknowledgement before hello', '{"type":"ack","received":0}'],
    ['an end that does not add up', '{"type":"end","total":9,"clean":true,"reason":""}'],
  ])('is closed after %s, and the destination sees a reset', async (_what, frame) => {
    const path = await raw.open(destination.port);
    let broken = false;
    accepted[0]?.on('error', () => (broken = true));
    const socket = await openSocket(`${path}/socket`);
    socket.once('open', () => socket.send(frame));
    expect(await closeCode(socket)).toBe(4000);
    await waitFor(() => broken && caldecott.tunnels.registry.size === 0);
  });

  test('is closed when a peer sends past its window', async () => {
    const path = await raw.open(destination.port);
    accepted[0]?.pause();
    const socket = await openSocket(`${path}/socket`);
    socket.once('open', () => {
      for (let n = 0; n < 200; n += 1) socket.send(Buffer.alloc(100_000));
    });
    expect(await closeCode(socket)).toBe(4000);
  });

  test('takes no message without measure', async () => {
    const path = await raw.open(destination.port);
    const socket = await openSocket(`${path}/socket`);
    socket.once('open', () => socket.send(Buffer.alloc(2_000_000)));
    expect(await closeCode(socket)).toBe(1009);
  });

  test('is refused without the token, for an unknown tunnel, elsewhere, and for one that goes over HTTP', async () => {
    const path = await raw.open(destination.port);
    expect(await refusal(await openSocket(`${path}/socket`, { 'Auth-Token': 'wrong' }))).toBe(404);
    expect(await refusal(await openSocket('/tunnels/none/socket'))).toBe(404);
    expect(await refusal(await openSocket('/websocket/127.0.0.1/22'))).toBe(404);
    await raw.ask('PUT', `${path}/in/1`, 'x');
    expect(await refusal(await openSocket(`${path}/socket`))).toBe(400);
  });

  test('makes HTTP requests of the same tunnel wrong', async () => {
    const path = await raw.open(destination.port);
    const socket = await openSocket(`${path}/socket`);
    await once(socket, 'open');
    expect((await raw.ask('GET', `${path}/out/1`)).code).toBe('wrong-transport');
    expect((await raw.ask('PUT', `${path}/in/1`, 'x')).code).toBe('wrong-transport');
    socket.terminate();
  });
});
