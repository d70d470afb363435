import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { healthStart, healthStop, newTrace } from '@vcap/bus';
import { waitFor } from '@vcap/testkit';
import { appRecord } from './support/app-record.ts';
import { entry, startCluster } from './support/cluster.ts';
import type { Cluster } from './support/cluster.ts';

let cluster: Cluster;
const trace = newTrace();
beforeEach(async () => {
  cluster = await startCluster();
});
afterEach(() => cluster.stop());

/** As if the controller had listened for long, with what runs. */
async function warmUp(...entries: ReturnType<typeof entry>[]): Promise<void> {
  cluster.clock.shiftMs += 12_000;
  await cluster.beat(entries);
}

describe('orders to DEAs', () => {
  test('a start goes to a DEA that fits, complete, with the staged command', async () => {
    await cluster.settled();
    await cluster.instances.start(appRecord({ instances: 2 }), undefined, trace);
    await waitFor(() => cluster.seen.starts.length === 2);
    expect(cluster.seen.starts.map(({ index }) => index)).toEqual([0, 1]);
    expect(cluster.seen.starts[0]).toMatchObject({
      dea: 'dea-1',
      droplet: 'app-1',
      version: 'v1',
      sha1: 'd'.repeat(40),
      executableUri: `http://192.0.2.1:9022/staged_droplets/app-1/${'d'.repeat(40)}`,
      limits: { mem: 128, disk: 256, fds: 256 },
      start_command: 'node app.js',
      users: ['me@example.test'],
      cc_partition: 'default',
      services: [],
    });
  });

  test('the user’s own command wins over the detected one', async () => {
    await cluster.settled();
    await cluster.instances.start(appRecord({ command: 'npm run it' }), [0], trace);
    expect(await waitFor(() => cluster.seen.starts[0]?.start_command === 'npm run it')).toBe(true);
  });

  test('without room it asks for adverts and takes the first DEA that fits', async () => {
    const app = appRecord({ runtime: 'late' });
    cluster.store.row = app;
    await cluster.settled();
    const starting = cluster.instances.start(app, undefined, trace);
    await cluster.settled();
    cluster.deaPool.advertise({ id: 'dea-2', available_memory: 4096 });
    await starting;
    expect(await waitFor(() => cluster.seen.starts[0]?.dea === 'dea-2')).toBe(true);
  });

  test('an app that was stopped while it waited for room is not started', async () => {
    const app = appRecord({ runtime: 'late' });
    cluster.store.row = { ...app, state: 'STOPPED' };
    await cluster.settled();
    const starting = cluster.instances.start(app, undefined, trace);
    cluster.deaPool.advertise({ id: 'dea-2', available_memory: 4096 });
    await starting;
    await cluster.settled();
    expect(cluster.seen.starts).toEqual([]);
  });

  test('when nobody has room it gives up, leaves it to the health manager, and says what lacks', async () => {
    cluster.store.row = appRecord({ memoryMb: 99_999, instances: 3 });
    await cluster.instances.start(cluster.store.row, undefined, trace);
    expect(cluster.seen.starts).toEqual([]);
    expect(cluster.instances.shortage(cluster.store.row)).toBe('no DEA has 99999 MB of memory free');
  });

  test('what was just ordered lacks nothing, though it took the last room', async () => {
    await cluster.settled();
    const app = appRecord({ memoryMb: 3000, instances: 1 });
    cluster.deaPool.advertise({ id: 'dea-1', available_memory: 3000, available_disk: 3000 });
    await cluster.instances.start(app, undefined, trace);
    await waitFor(() => cluster.seen.starts.length === 1);
    expect(cluster.instances.shortage(app)).toBeUndefined();
    expect(cluster.instances.shortage({ ...app, instances: 2 })).toMatch(/no DEA has 3000 MB/);
  });

  test('the services of the app come with their credentials, and a DATABASE_URL', async () => {
    const credentials = { host: 'h', port: 3306, uri: 'mysql://u:p@h:3306/d' };
    const service = { name: 'db1', label: 'mysql-5.5', vendor: 'mysql', provider: 'core', version: '5.5' };
    cluster.store.bound = [{ ...service, plan: 'free', planOption: null, tags: ['sql'], credentials }];
    await cluster.instances.start(appRecord(), undefined, trace);
    await cluster.settled();
    expect(cluster.seen.starts[0]).toMatchObject({
      env: ['DATABASE_URL=mysql2://u:p@h:3306/d', 'MODE=live'],
      services: [{ ...service, plan: 'free', tags: ['sql'], credentials }],
    });
  });

  test('stops name the app, or the indices of its version; an empty list stops nothing', async () => {
    await cluster.instances.stop(appRecord(), undefined, trace);
    await cluster.instances.stop(appRecord(), [2, 3], trace);
    await cluster.instances.stop(appRecord(), [], trace);
    await cluster.instances.updateUris(appRecord(), trace);
    await cluster.settled();
    expect(cluster.seen.stops).toEqual([
      { droplet: 'app-1' },
      { droplet: 'app-1', version: 'v1', indices: [2, 3] },
    ]);
    expect(cluster.seen.updates).toEqual([{ droplet: 'app-1', uris: ['shop.example.test'], version: 'v1' }]);
  });
});

describe('what runs', () => {
  const app = appRecord({ instances: 2 });

  test('is answered from heartbeats without a message on the bus', async () => {
    await warmUp(
      entry(),
      entry({ instance: 'i-2', index: 1, state: 'STARTING' }),
      entry({ instance: 'i-0', state: 'CRASHED', exit_description: 'out of memory (status 137)' }),
    );
    expect(await cluster.instances.list(app, trace)).toEqual([
      { index: 0, state: 'RUNNING', since: 5 },
      { index: 1, state: 'STARTING', since: 5 },
    ]);
    const reason = 'out of memory (status 137)';
    expect(await cluster.instances.crashes(app, trace)).toEqual([{ instance: 'i-0', since: 5, reason }]);
    const other = appRecord({ guid: 'app-2' });
    const counts = await cluster.instances.runningCounts([app, other], trace);
    expect([...counts]).toEqual([
      ['app-1', 1],
      ['app-2', 0],
    ]);
    await cluster.settled();
    expect([cluster.seen.finds, cluster.seen.statusQueries]).toEqual([[], 0]);
  });

  test('shows a start that was just ordered as STARTING, and asks about FLAPPING for what is missing', async () => {
    await warmUp();
    await cluster.settled();
    cluster.advertise('dea-1');
    await cluster.settled();
    await cluster.instances.start(app, [0], trace);
    cluster.world.flapping = [{ index: 1, since: 77 }];
    const [first, second] = await cluster.instances.list(app, trace);
    expect([first?.state, second]).toEqual(['STARTING', { index: 1, state: 'FLAPPING', since: 77 }]);
  });

  test('silence of the health manager means DOWN', async () => {
    await warmUp(entry());
    expect((await cluster.instances.list(app, trace)).map(({ state }) => state)).toEqual(['RUNNING', 'DOWN']);
  });

  test('is asked of the DEAs before heartbeats can be believed, and ends at the expected number', async () => {
    cluster.world.found = [{}, { index: 1, instance: 'i-2', console_ip: '192.0.2.9', console_port: 5000 }];
    const began = performance.now();
    expect(await cluster.instances.list(app, trace)).toEqual([
      { index: 0, state: 'RUNNING', since: 100 },
      { index: 1, state: 'RUNNING', since: 100, console_ip: '192.0.2.9', console_port: 5000 },
    ]);
    expect(performance.now() - began).toBeLessThan(1500);
    expect((await cluster.instances.runningCounts([app], trace)).get('app-1')).toBeNull();
  });

  test('stats drop answers out of range and fill the rest with DOWN', async () => {
    const stats = {
      name: 'shop',
      host: '192.0.2.9',
      port: 6000,
      uris: [],
      uptime: 3,
      mem_quota: 1,
      disk_quota: 1,
      fds_quota: 1,
    };
    await warmUp(entry(), entry({ instance: 'i-7', index: 7 }));
    cluster.world.found = [{ index: 7, stats }, { stats }, { state: 'BOGUS' as never }];
    expect(await cluster.instances.stats(app, trace)).toMatchObject({
      0: { state: 'RUNNING', stats: { port: 6000 } },
      1: { state: 'DOWN', since: expect.any(Number) },
    });
    expect(cluster.seen.finds[0]).toMatchObject({ include_stats: true, states: ['RUNNING'], version: 'v1' });
    expect(await cluster.instances.stats(appRecord({ state: 'STOPPED' }), trace)).toEqual({});
  });
});

describe('requests of the health manager', () => {
  const start = { droplet: 'app-1', last_updated: 0, version: 'v1', indices: [0] };
  const stop = { droplet: 'app-1', last_updated: 0, version: 'v1', instances: { 'i-1': 'v1' } };

  test('a missing instance is started once, however often it is asked for', async () => {
    await cluster.settled();
    await cluster.tell(healthStart, start);
    await cluster.tell(healthStart, start);
    cluster.clock.shiftMs += 1001;
    await cluster.tell(healthStart, start);
    await cluster.settled();
    expect(cluster.seen.starts.map(({ index, dea }) => [index, dea])).toEqual([[0, 'dea-1']]);
  });

  test('of two health managers that saw the same end one is obeyed, after the next end again', async () => {
    cluster.store.row = appRecord({ instances: 2 });
    await cluster.settled();
    await cluster.tell(healthStart, { ...start, after: 'i-1' });
    // As the other of two controllers took it.
    await cluster.store.takeStartOrder({ app: 'app-1', version: 'v1', index: 1, after: 'i-2' }, 12_000);
    await cluster.tell(healthStart, { ...start, indices: [1], after: 'i-2' });
    await cluster.settled();
    expect(cluster.seen.starts.map(({ index }) => index)).toEqual([0]);
    await cluster.tell(healthStart, { ...start, indices: [1], after: 'i-3' });
    expect(await waitFor(() => cluster.seen.starts.length === 2)).toBe(true);
  });

  test('a start that no beat ever showed is sent anew when asked for again later', async () => {
    await cluster.settled();
    await cluster.tell(healthStart, start);
    cluster.clock.shiftMs += 13_000;
    cluster.advertise('dea-1');
    await cluster.settled();
    await cluster.tell(healthStart, start);
    expect(await waitFor(() => cluster.seen.starts.length === 2)).toBe(true);
  });

  test('an instance that runs, an old version and garbage start nothing', async () => {
    await cluster.beat([entry()]);
    await cluster.tell(healthStart, start);
    await cluster.tell(healthStart, { ...start, version: 'v0' });
    await cluster.tell(healthStart, { nonsense: true } as never);
    await cluster.tell(healthStart, { ...start, indices: [5] });
    await cluster.settled();
    expect(cluster.seen.starts).toEqual([]);
  });

  test('an extra is stopped by its id; what is wanted is not', async () => {
    await cluster.tell(healthStop, { ...stop, instance_index: 0 });
    await cluster.tell(healthStop, { ...stop, instances: { 'i-9': 'v1' }, instance_index: 9 });
    await cluster.tell(healthStop, { ...stop, instances: { 'i-9': 'v1' }, instance_index: 9 });
    await cluster.tell(healthStop, { ...stop, instances: { 'i-3': 'v0' } });
    await waitFor(() => cluster.seen.stops.length === 2);
    expect(cluster.seen.stops).toEqual([
      { droplet: 'app-1', version: 'v1', instances: ['i-9'] },
      { droplet: 'app-1', version: 'v0', instances: ['i-3'] },
    ]);
  });

  test('the index of an instance is known from its beats when the message does not tell it', async () => {
    await cluster.beat([entry({ instance: 'i-9', index: 9 })]);
    await cluster.tell(healthStop, { ...stop, instances: { 'i-9': 'v1' } });
    expect(await waitFor(() => cluster.seen.stops.length === 1)).toBe(true);
  });
});

describe('files of an instance', () => {
  let server: Server;
  const requests: string[] = [];
  const traces: string[] = [];
  beforeEach(async () => {
    requests.length = 0;
    traces.length = 0;
    server = createServer((request, response) => {
      const { authorization, range, traceparent } = request.headers;
      traces.push(String(traceparent).split('-')[1] ?? '');
      requests.push([request.url, authorization, range].join(' ').trim());
      if (request.url?.includes('missing')) response.writeHead(404).end('no such file\n');
      else if (request.url?.includes('locked')) response.writeHead(403).end('not allowed\n');
      else if (range === 'bytes=9-') response.writeHead(416, { 'content-range': 'bytes */5' }).end();
      else if (range) response.writeHead(206, { 'content-range': 'bytes 1-4/5' }).end('ello');
      else response.writeHead(200, { 'content-type': 'text/plain', 'x-secret': '1' }).end('hello');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const fileUri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/instances`;
    cluster.world.found = [{ file_uri: fileUri, staged: '/i-1', credentials: ['u', 'p'] }];
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });
  const open = (
    path: string,
    range?: string,
    target: { index: number } | { instanceId: string } = { index: 0 },
  ) => cluster.instances.openFile(appRecord(), target, path, range, trace);

  test('are streamed with the DEA’s credentials', async () => {
    const file = await open('/logs/a b#.log');
    if (!file.ok) throw new Error(file.message);
    expect([file.status, file.headers['content-type'], file.headers['x-secret']]).toEqual([
      200,
      'text/plain',
      undefined,
    ]);
    expect(await text(file.body)).toBe('hello');
    const basic = `Basic ${Buffer.from('u:p').toString('base64')}`;
    expect(requests).toEqual([`/instances/i-1/logs/a%20b%23.log ${basic}`]);
    expect(traces).toEqual([trace.traceId]);
    expect(cluster.seen.finds[0]).toMatchObject({
      indices: [0],
      version: 'v1',
      states: ['STARTING', 'RUNNING', 'CRASHED'],
    });
  });

  test.each([
    ['bytes=1-', 206, 'bytes 1-4/5', 'ello'],
    ['bytes=9-', 416, 'bytes */5', ''],
  ])('a range %s is passed on and answered %d', async (range, status, contentRange, body) => {
    const file = await open('/logs/stdout.log', range);
    if (!file.ok) throw new Error(file.message);
    expect([file.status, file.headers['content-range'], await text(file.body)]).toEqual([
      status,
      contentRange,
      body,
    ]);
  });

  test('what the DEA refuses comes back with its text', async () => {
    expect(await open('/missing')).toEqual({ ok: false, reason: 'not-found', message: 'no such file' });
    expect(await open('/locked')).toEqual({ ok: false, reason: 'failed', message: 'not allowed' });
  });

  test.each(['/../i-2/secret', '/logs/..', '/./x', '/a\0b', '/\ud800'])(
    'no path leaves the instance: %j',
    async (path) => {
      expect(await open(path)).toMatchObject({ ok: false, reason: 'not-found' });
      expect(requests).toEqual([]);
    },
  );

  test('by id any version is found; of two claims on an index the running one is asked for', async () => {
    await open('/', undefined, { instanceId: 'i-old' });
    await cluster.beat([entry({ instance: 'i-0', state: 'CRASHED' }), entry()]);
    await open('/');
    expect(cluster.seen.finds.map(({ instances, version }) => [instances, version])).toEqual([
      [['i-old'], undefined],
      [['i-1'], undefined],
    ]);
  });

  test('a DEA that is gone is a failure that names it', async () => {
    cluster.world.found = [
      { file_uri: 'http://127.0.0.1:1/instances', staged: '/i-1', credentials: ['u', 'p'] },
    ];
    expect(await open('/')).toEqual({
      ok: false,
      reason: 'failed',
      message: 'DEA dea-1 could not be reached',
    });
    cluster.world.found = [];
    expect(await open('/')).toMatchObject({ ok: false, reason: 'failed' });
  });
});
