import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Bus, newTrace, stagingAdvertise, stagingLocate, stagingStart } from '@vcap/bus';
import type { StagingReply, StagingStart } from '@vcap/bus';
import { systemClock } from '@vcap/clock';
import { silentLogger } from '@vcap/component';
import { startNats, waitFor } from '@vcap/testkit';
import type { NatsServer } from '@vcap/testkit';
import type { AppRecord, AppStore } from '../../src/ports.ts';
import { createStaging } from '../../src/staging/index.ts';

const sha1 = 'a'.repeat(40);
let nats: NatsServer;
let bus: Bus;
let stagerBus: Bus;
let row: AppRecord;
let requests: StagingStart[];

/** A store of one row: the database has its own suite. */
const store: AppStore = {
  byGuid: async () => row,
  boundServices: async () => [],
  update: async (_guid, change) => (row = { ...row, ...change }),
  finishStaging: async (_guid, taskId, result) => {
    if (row.stagingTaskId !== taskId) return false;
    row = result.ok
      ? { ...row, packageState: 'STAGED', dropletHash: result.dropletHash }
      : { ...row, packageState: result.keepPending === true ? 'PENDING' : 'FAILED' };
    return true;
  },
  putUploadToken: async () => undefined,
  takeUploadToken: async () => true,
  takeStartOrder: async () => true,
  giveBackStartOrder: async () => undefined,
};

/** A stager that answers with what `script` says, on the real bus. */
function stager(
  id: string,
  script: (request: StagingStart, reply: (message: Partial<StagingReply>) => void) => void,
): void {
  stagerBus.subscribe(stagingStart.for(id), (request, { reply }) => {
    requests.push(request);
    script(request, (message) => reply?.({ task_id: request.task_id, ...message }));
  });
  const advertise = () =>
    stagerBus.publish(stagingAdvertise, { id, stacks: ['linux'], available_memory: 1024 });
  stagerBus.subscribe(stagingLocate, advertise);
  advertise();
}

beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());
beforeEach(async () => {
  requests = [];
  row = {
    guid: 'app-1',
    stack: 'linux',
    framework: 'node',
    env: [],
    command: null,
    memoryMb: 64,
  } as unknown as AppRecord;
  row = { ...row, diskMb: 64, fds: 64, stagingLogUrl: null };
  const options = { servers: [nats.url], log: silentLogger, clock: systemClock };
  bus = new Bus({ ...options, name: 'controller' });
  stagerBus = new Bus({ ...options, name: 'stager' });
  await bus.start();
  await stagerBus.start();
});
afterEach(async () => {
  await bus.stop();
  await stagerBus.stop();
});

async function staging(): Promise<ReturnType<typeof createStaging>['staging']> {
  const { staging: made, member } = createStaging({
    bus,
    clock: systemClock,
    log: silentLogger,
    store,
    baseUrl: () => 'http://127.0.0.1:1',
    auth: { user: 'staging', password: 'p@ss/word' },
    timeoutSeconds: 30,
  });
  await member.start();
  return made;
}

describe('staging over the bus', () => {
  test('a droplet makes the application STAGED; garbage and doubled replies do no harm', async () => {
    const controller = await staging();
    stager('s-1', (_request, reply) => {
      reply({ task_streaming_log_url: 'http://127.0.0.1:2/log', error: null });
      reply({ task_id: 'of-another-task', droplet_sha1: 'b'.repeat(40) });
      reply({ task_id: 42 as unknown as string });
      reply({ droplet_sha1: sha1, error: null });
      reply({ droplet_sha1: sha1, error: null });
    });
    const result = await controller.stage(row, newTrace());
    expect(result).toMatchObject({ ok: true, app: { dropletHash: sha1, packageState: 'STAGED' } });
    await waitFor(() => row.stagingLogUrl === 'http://127.0.0.1:2/log');
    expect(new URL(requests[0]?.download_uri ?? '').password).toBe(encodeURIComponent('p@ss/word'));
  });

  test('the stager’s reason reaches the caller', async () => {
    const controller = await staging();
    stager('s-1', (_request, reply) => reply({ error: 'no package.json' }));
    expect(await controller.stage(row, newTrace())).toMatchObject({ ok: false, message: 'no package.json' });
    expect(row.packageState).toBe('FAILED');
  });

  test('a result that a newer task overtook is not taken', async () => {
    const controller = await staging();
    stager('s-1', (_request, reply) => {
      row = { ...row, stagingTaskId: 'newer' };
      reply({ droplet_sha1: sha1, error: null });
    });
    expect(await controller.stage(row, newTrace())).toMatchObject({
      ok: false,
      message: expect.stringContaining('newer'),
    });
    expect(row.packageState).not.toBe('STAGED');
  });

  test('a stager that does not answer is passed over for another', async () => {
    const controller = await staging();
    stager('s-1', () => undefined);
    await waitFor(() => true);
    const working = controller.stage(row, newTrace());
    await waitFor(() => requests.length === 1);
    stager('s-2', (_request, reply) => reply({ droplet_sha1: sha1, error: null }));
    expect(await working).toMatchObject({ ok: true });
  }, 20_000);

  test('without any stager the bits stay PENDING and the message says what to do', async () => {
    const controller = await staging();
    const result = await controller.stage(row, newTrace());
    expect(result).toMatchObject({
      ok: false,
      noStager: true,
      message: expect.stringContaining('try again'),
    });
    expect(row.packageState).toBe('PENDING');
  }, 20_000);
});
