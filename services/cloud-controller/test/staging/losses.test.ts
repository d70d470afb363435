import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Bus, newTrace, stagingAdvertise, stagingLocate, stagingStart, stagingStop } from '@vcap/bus';
import type { StagingReply, StagingStart } from '@vcap/bus';
import { systemClock } from '@vcap/clock';
import { silentLogger } from '@vcap/component';
import { startNats, waitFor } from '@vcap/testkit';
import type { NatsServer } from '@vcap/testkit';
import { createStaging } from '../../src/staging/index.ts';
import { appRecord, OneApp } from '../instances/support/app-record.ts';
import { ShiftedClock } from '../instances/support/shifted-clock.ts';

const sha1 = 'a'.repeat(40);
const done = { droplet_sha1: sha1, detected_start_command: 'node app.js', error: null };
type Reply = (message: Partial<StagingReply>) => void;
type Script = (request: StagingStart, reply: Reply) => void;

let nats: NatsServer;
let bus: Bus;
let peer: Bus;
let clock: ShiftedClock;
let store: OneApp;
let made: ReturnType<typeof createStaging>;
let requests: StagingStart[];
let stops: number;
let logs: Server;
let logUrl: string;
let complete: boolean;

beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());
beforeEach(async () => {
  requests = [];
  stops = 0;
  complete = false;
  clock = new ShiftedClock();
  store = new OneApp(appRecord({ packageState: 'PENDING', dropletHash: null }));
  const options = { servers: [nats.url], log: silentLogger, clock: systemClock };
  bus = new Bus({ ...options, name: 'controller' });
  peer = new Bus({ ...options, name: 'stagers' });
  await bus.start();
  await peer.start();
  peer.subscribe(stagingStop, () => void stops++);
  logs = createServer((request, response) => {
    const offset = Number(new URL(request.url ?? '', 'http://x').searchParams.get('offset'));
    response.setHeader('x-staging-complete', String(complete));
    response.end('the log'.slice(offset));
  });
  logs.listen(0, '127.0.0.1');
  await once(logs, 'listening');
  logUrl = `http://127.0.0.1:${(logs.address() as AddressInfo).port}/staging_tasks/t/log?token=x`;
  made = createStaging({
    bus,
    clock,
    log: silentLogger,
    store,
    baseUrl: () => 'http://127.0.0.1:1',
    auth: { user: 'staging', password: 'secret' },
    timeoutSeconds: 60,
  });
});
afterEach(async () => {
  await made.member.stop();
  await bus.stop();
  await peer.stop();
  logs.closeAllConnections();
  logs.close();
});

/** Stagers that answer by script, known to the controller when this resolves. */
async function stagers(...scripts: Script[]): Promise<void> {
  const adverts = scripts.map((script, at) => {
    const id = `s-${at + 1}`;
    peer.subscribe(stagingStart.for(id), (request, { reply }) => {
      requests.push(request);
      script(request, (message) => reply?.({ task_id: request.task_id, ...message }));
    });
    return { id, stacks: ['linux'], available_memory: 1024 };
  });
  let asked = 0;
  peer.subscribe(stagingLocate, () => {
    asked++;
    for (const advert of adverts) peer.publish(stagingAdvertise, advert);
  });
  await waitFor(() => {
    bus.publish(stagingLocate, {});
    return asked > 0;
  });
  await made.member.start();
}
const app = () => {
  if (!store.row) throw new Error('no app');
  return store.row;
};
const stage = () => made.staging.stage(app(), newTrace());
const accept: Script = (_request, reply) => reply({ task_streaming_log_url: logUrl, error: null });

describe('a stager that accepted and then', () => {
  const mute: Script = (_request, reply) =>
    reply({ task_streaming_log_url: 'http://127.0.0.1:1/log', error: null });

  test('died is noticed by its silence; another one does its work', async () => {
    await stagers(mute, (_request, reply) => reply(done));
    const staging = stage();
    await waitFor(() => app().stagingLogUrl !== null);
    clock.shiftMs += 15_001;
    expect(await staging).toMatchObject({ ok: true, app: { dropletHash: sha1 } });
  }, 20_000);

  test('died, as the next one did, is not followed by a third; the bits stay PENDING', async () => {
    await stagers(mute, mute, mute);
    const staging = stage();
    for (const attempt of [1, 2]) {
      await waitFor(() => requests.length === attempt && app().stagingLogUrl !== null);
      clock.shiftMs += 15_001;
    }
    expect(await staging).toEqual({
      ok: false,
      noStager: true,
      message: expect.stringContaining('the stager died'),
    });
    expect([requests.length, app().packageState]).toEqual([2, 'PENDING']);
  }, 20_000);

  test('only drains, without adverts, may finish', async () => {
    let finish: () => void = () => undefined;
    await stagers((request, reply) => {
      accept(request, reply);
      finish = () => reply(done);
    });
    const staging = stage();
    await waitFor(() => app().stagingLogUrl === logUrl);
    const asked = once(logs, 'request');
    clock.shiftMs += 20_000;
    await asked;
    finish();
    expect(await staging).toMatchObject({ ok: true, app: { dropletHash: sha1 } });
  }, 10_000);

  test('finished, but whose answer was lost, is asked again', async () => {
    await stagers((request, reply) => {
      if (requests.length === 1) accept(request, reply);
      else reply(done);
    });
    const staging = stage();
    await waitFor(() => app().stagingLogUrl === logUrl);
    complete = true;
    clock.shiftMs += 15_001;
    expect(await staging).toMatchObject({ ok: true, app: { dropletHash: sha1 } });
    expect(requests).toHaveLength(2);
  }, 20_000);

  test.each([
    ['TaskStopped', 'PENDING'],
    ['UploadFailed', 'PENDING'],
    ['CompileFailed', 'FAILED'],
  ])('fails with %s leaves the bits %s', async (type, packageState) => {
    await stagers((request, reply) => {
      accept(request, reply);
      reply({ error: 'why', error_info: { type, message: 'why' } });
    });
    expect(await stage()).toEqual({ ok: false, message: 'why', noStager: packageState === 'PENDING' });
    expect(app().packageState).toBe(packageState);
  });

  test('names a droplet that is none makes nothing STAGED', async () => {
    await stagers((_request, reply) => reply({ droplet_sha1: '../../etc', error: null }));
    expect(await stage()).toMatchObject({ ok: false });
    expect([app().packageState, app().dropletHash]).toEqual(['PENDING', null]);
  });
});

test('a stager without room passes the task on; each attempt has its own task id and upload token', async () => {
  const full: Script = (_request, reply) =>
    reply({ error: 'too many tasks', error_info: { type: 'TooManyTasks', message: 'too many tasks' } });
  await stagers(full, (_request, reply) => reply(done));
  expect(await stage()).toMatchObject({ ok: true, app: { detectedStartCommand: 'node app.js' } });
  expect(new Set(requests.map(({ task_id }) => task_id)).size).toBe(requests.length);
  const tokens = requests.map(({ upload_uri }) => new URL(upload_uri).searchParams.get('token'));
  expect(tokens).toEqual(store.tokens);
});

test('the only stager is asked again when its first answer was lost, and the first attempt is stopped', async () => {
  let asked = 0;
  await stagers((_request, reply) => {
    if (++asked === 2) reply(done);
  });
  expect(await stage()).toMatchObject({ ok: true });
  expect([requests.length, stops]).toEqual([2, 2]);
}, 10_000);

test('a late answer to an attempt that was given up changes nothing', async () => {
  let late: () => void = () => undefined;
  await stagers(
    (_request, reply) => {
      late = () => reply({ droplet_sha1: 'b'.repeat(40), error: null });
    },
    (_request, reply) => {
      late();
      reply(done);
    },
  );
  expect(await stage()).toMatchObject({ ok: true, app: { dropletHash: sha1 } });
}, 10_000);

test('a newer staging of the app ends the older at once', async () => {
  let asked = 0;
  await stagers((request, reply) => {
    accept(request, reply);
    if (++asked === 2) reply(done);
  });
  const older = stage();
  await waitFor(() => requests.length === 1 && app().stagingLogUrl !== null);
  const newer = stage();
  expect(await older).toMatchObject({ ok: false, noStager: true, message: expect.stringContaining('newer') });
  expect(await newer).toMatchObject({ ok: true });
  expect(app().packageState).toBe('STAGED');
});

test('staging of an app that was deleted meanwhile says so', async () => {
  await stagers((request, reply) => {
    accept(request, reply);
    store.row = undefined;
    reply(done);
  });
  expect(await stage()).toMatchObject({ ok: false, message: 'the application was deleted' });
});

test('the log is streamed from an offset, with whether more will come', async () => {
  complete = true;
  const log = await made.staging.openLog(appRecord({ stagingLogUrl: logUrl }), 4);
  expect([log?.complete, log && (await text(log.body))]).toEqual([true, 'log']);
  expect(await made.staging.openLog(appRecord(), 0)).toBeUndefined();
  expect(await made.staging.openLog(appRecord({ stagingLogUrl: 'http://127.0.0.1:1/' }), 0)).toBeUndefined();
  expect(await made.staging.openLog(appRecord({ stagingLogUrl: 'nonsense' }), 0)).toBeUndefined();
});
