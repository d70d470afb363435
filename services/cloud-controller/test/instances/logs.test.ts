import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { newTrace } from '@vcap/bus';
import { waitFor } from '@vcap/testkit';
import type { LogQuery } from '../../src/ports.ts';
import { appRecord } from './support/app-record.ts';
import { entry, startCluster } from './support/cluster.ts';
import type { Cluster } from './support/cluster.ts';

let cluster: Cluster;
let dea: Server;
let requests: string[];
/** Lines by instance: [time, text], numbered from 1. */
let logs: Record<string, [number, string][]>;
let notify: (() => void)[];
/** Whether all logs have ended, so that nobody waits for more. */
let ended: boolean;

beforeEach(async () => {
  requests = [];
  notify = [];
  ended = false;
  logs = {};
  // The DEA's half of docs/decisions/0005-log-stream.md, as far as it is asked here.
  dea = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://dea');
    const id = url.pathname.split('/').at(-1) ?? '';
    requests.push(`${id} ${[...url.searchParams].map((pair) => pair.join('=')).join('&')}`);
    const allowed = request.headers.authorization === `Basic ${Buffer.from('u:p').toString('base64')}`;
    const known = logs[id];
    if (!allowed || !known) {
      response.writeHead(allowed ? 404 : 401).end();
      return;
    }
    const recent = url.searchParams.get('recent');
    const answer = (): void => {
      const after =
        recent === null ? Number(url.searchParams.get('after')) : Math.max(0, known.length - Number(recent));
      const lines = known
        .map(([time, text], at) => ({
          seq: at + 1,
          time,
          instance: id,
          index: Number(id.slice(-1)),
          source: 'stdout',
          text,
        }))
        .slice(after);
      response.setHeader('X-Log-Next', String(known.length));
      response.end(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    };
    const after = Number(url.searchParams.get('after') ?? 0);
    if (Number(url.searchParams.get('wait')) > 0 && known.length <= after && recent === null && !ended)
      notify.push(answer);
    else answer();
  });
  await new Promise<void>((resolve) => dea.listen(0, '127.0.0.1', resolve));
  cluster = await startCluster();
  const logUri = `http://127.0.0.1:${(dea.address() as AddressInfo).port}/logs`;
  for (const instance of ['i-0', 'i-1', 'i-2'])
    cluster.world.found.push({ instance, log_uri: `${logUri}/${instance}`, credentials: ['u', 'p'] });
  await cluster.beat([entry({ instance: 'i-0' }), entry({ instance: 'i-1', index: 1 })]);
  cluster.clock.shiftMs += 13_000;
  await cluster.beat([entry({ instance: 'i-0' }), entry({ instance: 'i-1', index: 1 })]);
});
afterEach(async () => {
  dea.closeAllConnections();
  dea.close();
  await cluster.stop();
});

const read = (query: Partial<LogQuery> = {}, signal = new AbortController().signal) =>
  cluster.instances.logs(
    appRecord({ instances: 2 }),
    { cursor: undefined, recent: 10, waitSeconds: 0, ...query },
    signal,
    newTrace(),
  );
const texts = (page: { lines: { text: string }[] }) => page.lines.map(({ text }) => text);

test('lines of all instances are merged by time; those of one keep their order', async () => {
  logs = {
    'i-0': [
      [1, 'a'],
      [5, 'e'],
      [4, 'after e'],
    ],
    'i-1': [
      [2, 'b'],
      [6, 'f'],
    ],
  };
  const page = await read();
  expect(texts(page).filter((text) => text !== 'after e')).toEqual(['a', 'b', 'e', 'f']);
  expect(page.cursor).toEqual({ 'i-0': 3, 'i-1': 2 });
  expect(texts(await read({ recent: 1 }))).toEqual(['after e', 'f']);
  const finds = cluster.seen.finds.length;
  expect(texts(await read({ cursor: { 'i-0': 1, 'i-1': 2 } }))).toEqual(['e', 'after e']);
  // Where the logs are is remembered.
  expect(cluster.seen.finds).toHaveLength(finds);
});

test('a reader that waits is answered when the first instance has something', async () => {
  logs = { 'i-0': [[1, 'a']], 'i-1': [[2, 'b']] };
  const { cursor } = await read();
  const next = read({ cursor, waitSeconds: 20 });
  await waitFor(() => notify.length >= 2);
  logs['i-1']?.push([3, 'new']);
  notify.splice(0).forEach((answer) => answer());
  const page = await next;
  expect(texts(page)).toEqual(['new']);
  expect(page.cursor).toEqual({ 'i-0': 1, 'i-1': 2 });
});

test('a new instance is read from its beginning, one that is gone is passed over', async () => {
  logs = { 'i-0': [[1, 'a']], 'i-1': [[2, 'b']] };
  const { cursor } = await read();
  delete logs['i-0'];
  logs['i-2'] = [
    [3, 'hello'],
    [4, 'world'],
  ];
  await cluster.beat([entry({ instance: 'i-1', index: 1 }), entry({ instance: 'i-2', index: 2 })]);
  const page = await read({ cursor });
  expect(texts(page)).toEqual(['hello', 'world']);
  expect(page.cursor).toMatchObject({ 'i-1': 1, 'i-2': 2 });
});

test('what a stopped instance said last is read until its DEA has forgotten it', async () => {
  logs = { 'i-0': [[1, 'a']], 'i-1': [[2, 'b']] };
  await cluster.instances.stop(appRecord({ instances: 2 }), undefined, newTrace());
  await waitFor(() => cluster.seen.finds.length > 0);
  await cluster.beat([]);
  expect(texts(await read())).toEqual(['a', 'b']);
  const { cursor } = await read();
  logs['i-0']?.push([3, 'KILL was needed']);
  const page = await read({ cursor });
  expect(texts(page)).toEqual(['KILL was needed']);
  logs = {};
  expect((await read({ cursor: page.cursor })).lines).toEqual([]);
  const asked = requests.length;
  expect((await read()).lines).toEqual([]);
  expect(requests).toHaveLength(asked);
});

test('a reader of logs that have ended waits without asking again and again', async () => {
  logs = { 'i-0': [[1, 'a']], 'i-1': [] };
  ended = true;
  const { cursor } = await read();
  const asked = requests.length;
  expect((await read({ cursor, waitSeconds: 0.3 })).lines).toEqual([]);
  expect(requests.length).toBeLessThanOrEqual(asked + 4);
});

test('a reader that goes away ends the calls', async () => {
  logs = { 'i-0': [], 'i-1': [] };
  const gone = new AbortController();
  const waiting = read({ cursor: { 'i-0': 0, 'i-1': 0 }, waitSeconds: 20 }, gone.signal);
  await waitFor(() => notify.length >= 2);
  gone.abort();
  expect((await waiting).lines).toEqual([]);
});

test('without instances, and with a DEA that does not answer, it is empty', async () => {
  expect((await read()).lines).toEqual([]);
  dea.closeAllConnections();
  await new Promise((resolve) => dea.close(resolve));
  expect((await read()).lines).toEqual([]);
  await cluster.beat([]);
  expect((await read({ waitSeconds: 0.1 })).lines).toEqual([]);
});
