import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { dropletExited, dropletUpdated, healthmanagerHealth, healthmanagerStatus } from '@vcap/bus';
import type { HeartbeatEntry, Subject } from '@vcap/bus';
import { startNats, waitFor } from '@vcap/testkit';
import { Platform } from './platform.ts';

let platform: Platform;

/** Six apps on two DEAs, all as wanted. */
beforeEach(async () => {
  platform = new Platform();
  for (let i = 0; i < 6; i += 1) {
    platform.bulk.app(`app${i}`);
    platform.run(i % 2 === 0 ? 'd1' : 'd2', `app${i}`);
  }
  await platform.start();
  await platform.fresh();
}, 30_000);

afterEach(() => platform.stop(), 20_000);

function crash(entry: HeartbeatEntry | undefined): void {
  if (entry === undefined) throw new Error('no such instance');
  entry.state = 'CRASHED';
  const { droplet, version, instance, index } = entry;
  platform.bus.publish(dropletExited, {
    droplet,
    version,
    instance,
    index,
    reason: 'CRASHED',
    cc_partition: 'default',
  });
}

describe('orders', () => {
  test('a crash is answered within 100 ms', async () => {
    const at = performance.now();
    crash(platform.deas.get('d1')?.[0]);
    const [start] = await waitFor(() => platform.starts.length > 0 && platform.starts);
    expect((start?.at ?? Infinity) - at).toBeLessThan(100);
    expect(start).toMatchObject({
      droplet: 'app0',
      version: 'v1',
      indices: [0],
      last_updated: 1373025600,
      flapping: false,
    });
  });

  test('droplet.updated brings a new wish at once, and what is too much is stopped', async () => {
    platform.bulk.app('app1', { state: 'STOPPED' });
    platform.bus.publish(dropletUpdated, { droplet: 'app1', cc_partition: 'default' });
    const [stop] = await waitFor(() => platform.stops.length > 0 && platform.stops);
    expect(stop).toMatchObject({
      droplet: 'app1',
      instances: { 'app1-0-d2': 'v1' },
      running: { v1: 1 },
      is_duplicate: false,
    });
  });

  test('a DEA that falls silent loses its instances, the others keep theirs', async () => {
    platform.deas.delete('d2');
    await waitFor(() => platform.starts.length >= 3, { timeoutMs: 8000 });
    expect(platform.starts.map((one) => one.droplet).sort()).toEqual(['app1', 'app3', 'app5']);
    expect(platform.stops).toEqual([]);
  }, 15_000);

  test('a duplicate is stopped and called one', async () => {
    platform.run('d2', 'app0');
    const [stop] = await waitFor(() => platform.stops.length > 0 && platform.stops);
    expect(stop).toMatchObject({ instances: { 'app0-0-d2': 'v1' }, instance_index: 0, is_duplicate: true });
  });
});

describe('questions', () => {
  test('health: one reply per known app', async () => {
    const droplets = [0, 1].map((i) => ({ droplet: `app${i}`, version: 'v1' }));
    const question = { droplets: [...droplets, { droplet: 'unknown', version: 'v1' }] };
    const replies = await platform.bus.request(healthmanagerHealth, question, { timeoutMs: 300, max: 3 });
    expect(replies).toEqual(droplets.map((each) => ({ ...each, healthy: 1 })));
  });

  test('status: crashed and flapping instances', async () => {
    const entry = platform.deas.get('d1')?.[0];
    crash(entry);
    for (let i = 0; i < 3; i += 1) crash({ ...(entry as HeartbeatEntry), instance: `again-${i}` });
    await waitFor(() => platform.starts.length === 3);
    const ask = (state: 'FLAPPING' | 'CRASHED', droplet = 'app0') =>
      platform.bus.request(healthmanagerStatus, { droplet, version: 'v1', state }, { timeoutMs: 300 });
    expect(await ask('CRASHED')).toMatchObject([{ instances: [{ instance: 'app0-0-d1' }] }]);
    const flapping = await waitFor(async () => {
      const [reply] = await ask('FLAPPING');
      return reply?.indices?.length === 1 && reply;
    });
    expect(flapping.indices).toEqual([{ index: 0, since: expect.any(Number) }]);
    expect(await ask('FLAPPING', 'app1')).toEqual([{ indices: [] }]);
    expect(await ask('CRASHED', 'unknown')).toEqual([]);
  });
});

describe('nothing is stopped on ignorance', () => {
  test.each(['empty', 'half', 'broken-midway', 'error', 'hang', 'garbage'] as const)(
    'desired feed: %s',
    async (mode) => {
      platform.bulk.mode = mode;
      const told = platform.bulk.requests;
      const sign = mode === 'empty' || mode === 'half' ? 'leaves out too much' : 'too old';
      await waitFor(() => platform.manager.output().includes(sign) && platform.bulk.requests >= told + 3, {
        timeoutMs: 8000,
      });
      expect(platform.stops).toEqual([]);
      expect(platform.starts).toEqual([]);
      platform.bulk.mode = 'whole';
      await waitFor(() => platform.manager.output().split('"desired":"fresh","actual":"fresh"').length > 2, {
        timeoutMs: 8000,
      });
      expect(platform.stops).toEqual([]);
      expect(platform.starts).toEqual([]);
    },
    20_000,
  );

  test('restarted: it asks for heartbeats and orders nothing; a crash meanwhile is made good', async () => {
    await platform.manager.kill();
    crash(platform.deas.get('d1')?.[1]);
    const asked = platform.beatRequests;
    await platform.startManager();
    await platform.fresh();
    await waitFor(() => platform.starts.length > 0);
    expect(platform.beatRequests).toBe(asked + 1);
    expect(new Set(platform.starts.map((one) => one.droplet))).toEqual(new Set(['app2']));
    expect(platform.stops).toEqual([]);
  }, 20_000);

  test('a bus that dies and comes back costs nothing', async () => {
    const { port } = platform.nats;
    await platform.nats.kill();
    await waitFor(() => platform.manager.output().includes('not connected'), { timeoutMs: 8000 });
    platform.nats = await startNats({ port });
    await waitFor(() => platform.manager.output().split('"actual":"fresh"').length > 2, {
      timeoutMs: 15_000,
    });
    expect(platform.starts).toEqual([]);
    expect(platform.stops).toEqual([]);
    crash(platform.deas.get('d1')?.[0]);
    await waitFor(() => platform.starts.length > 0);
    expect(platform.starts[0]?.droplet).toBe('app0');
  }, 40_000);

  test('garbage on its subjects and changed bulk credentials are survived', async () => {
    const subjects: unknown[] = [dropletExited, dropletUpdated, healthmanagerHealth, healthmanagerStatus];
    for (const subject of subjects) {
      for (const junk of [null, [], 'x', { droplets: 7 }, { droplet: {} }])
        platform.bus.publish(subject as Subject<unknown>, junk);
    }
    platform.bulk.password = 'second';
    platform.bulk.app('app3', { instances: 0 });
    const [stop] = await waitFor(() => platform.stops.length > 0 && platform.stops);
    expect(stop).toMatchObject({ droplet: 'app3' });
    expect(platform.manager.output()).not.toMatch(/first|second/);
    expect(await platform.manager.stop()).toBe(0);
  });
});
