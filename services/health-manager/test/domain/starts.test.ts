import { describe, expect, test } from '@jest/globals';
import { restartDelay } from '../../src/domain/backoff.ts';
import { settings, Simulator } from './simulator.ts';

describe('restart delay', () => {
  test.each([
    [1, 0],
    [2, 0],
    [3, 0],
    [4, 30],
    [5, 60],
    [6, 120],
    [7, 240],
    [8, 480],
    [9, 960],
    [10, 960],
    [10_000, 960],
  ])('after crash %i: %i s', (crashes, seconds) => {
    expect(restartDelay(crashes, settings)).toBe(seconds * 1000);
  });
});

describe('missing instances', () => {
  test('an index that never came up is started after the grace, and again each 30 s', async () => {
    const sim = new Simulator();
    sim.app('a', { instances: 2 });
    sim.run('d1', 'a', 0);
    await sim.seconds(110);
    expect(sim.starts()).toEqual(['a/1', 'a/1', 'a/1']);
    const [first, second] = sim.given;
    expect(first).toMatchObject({ version: 'v1', running: { v1: 1 }, flapping: false });
    expect(first?.at).toBeGreaterThanOrEqual(30);
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(30);
  });

  test('an order names the instance whose end left the index empty, as any health manager would', async () => {
    const sim = new Simulator();
    sim.app('a', { instances: 3 });
    const ids = [0, 1, 2].map((index) => sim.run('d1', 'a', index));
    await sim.settle();
    sim.exit(ids[0] as string);
    sim.exit(ids[1] as string, 'DEA_EVACUATION');
    sim.deas.get('d1')?.pop();
    await sim.seconds(20);
    expect(sim.given.map(({ index, ...order }) => [index, 'after' in order && order.after])).toEqual([
      [0, ids[0]],
      [1, ids[1]],
      [2, ids[2]],
    ]);
  });

  test('nobody is waited for when the app was last changed long ago, as after a restart of everything', async () => {
    const sim = new Simulator();
    sim.app('a', { updatedAt: Math.floor(sim.clock.now() / 1000) - 3600 });
    sim.run('d1', 'other', 0);
    await sim.seconds(25);
    expect(sim.starts()).toEqual(['a/0']);
  });

  test('the controller gets the grace for an app that was just started or scaled', async () => {
    const sim = new Simulator();
    sim.app('a');
    sim.run('d1', 'a', 0);
    await sim.settle();
    sim.app('a', { instances: 2 });
    sim.app('b');
    sim.fetch();
    await sim.seconds(29);
    expect(sim.starts()).toEqual([]);
    await sim.seconds(3);
    expect(sim.starts()).toEqual(['a/1', 'b/0']);
  });

  test.each([{ staged: false }, { started: false }])(
    'nothing is started of an app with %j',
    async (fields) => {
      const sim = new Simulator();
      sim.app('a', fields);
      sim.app('other');
      sim.run('d1', 'other', 0);
      await sim.seconds(120);
      expect(sim.starts()).toEqual([]);
    },
  );

  test('all instances of a DEA that fell silent are elsewhere within 45 s', async () => {
    const sim = new Simulator();
    sim.obey = true;
    sim.run('d0', 'other', 0);
    sim.app('other');
    sim.app('a', { instances: 20 });
    for (let index = 0; index < 20; index += 1) sim.run('d1', 'a', index);
    await sim.settle();
    sim.deas.delete('d1');
    await sim.seconds(45);
    expect(sim.starts()).toHaveLength(20);
    expect(sim.deas.get('d0')).toHaveLength(21);
    await sim.seconds(120);
    expect(sim.given).toHaveLength(20);
  });

  test('an instance its DEA lists no longer, without an exit, is started within two scans', async () => {
    const sim = new Simulator();
    sim.app('a');
    sim.run('d1', 'a', 0);
    await sim.settle();
    sim.deas.get('d1')?.pop();
    sim.beat('d1');
    expect(sim.starts()).toEqual([]);
    await sim.seconds(10);
    expect(sim.starts()).toEqual(['a/0']);
  });
});

describe('crashes', () => {
  test('the exit of a running instance is answered with a start in the same instant', async () => {
    const sim = new Simulator();
    sim.app('a', { instances: 2 });
    const gone = sim.run('d1', 'a', 0);
    sim.run('d1', 'a', 1);
    await sim.settle();
    sim.exit(gone);
    expect(sim.given).toMatchObject([{ kind: 'start', index: 0, why: 'crashed', running: { v1: 1 } }]);
    sim.beat('d1'); // tells CRASHED: the same crash
    await sim.seconds(20);
    expect(sim.starts()).toHaveLength(1);
  });

  test('a crash told by a heartbeat alone counts, once', async () => {
    const sim = new Simulator();
    sim.app('a');
    const gone = sim.run('d1', 'a', 0);
    await sim.settle();
    const entry = sim.deas.get('d1')?.[0];
    if (entry !== undefined) entry.state = 'CRASHED';
    sim.beat('d1');
    expect(sim.starts()).toEqual(['a/0']);
    sim.exit(gone);
    expect(sim.starts()).toEqual(['a/0']);
  });

  test('a beat that the exit overtook does not bring the instance back', async () => {
    const sim = new Simulator();
    sim.app('a');
    const gone = sim.run('d1', 'a', 0);
    await sim.settle();
    const old = structuredClone(sim.deas.get('d1') ?? []);
    sim.exit(gone);
    sim.manager.heartbeat({ dea: 'd1', droplets: old });
    await sim.seconds(1);
    expect(sim.manager.actual.get(gone)?.state).toBe('CRASHED');
  });

  test('a crash loop: three restarts at once, then 30 s doubling to 16 min', async () => {
    const sim = new Simulator();
    sim.app('a');
    sim.run('d1', 'a', 0);
    await sim.settle();
    const waits: number[] = [];
    for (let crash = 1; crash <= 11; crash += 1) {
      const at = sim.now;
      const instance = sim.deas.get('d1')?.find((one) => one.state === 'RUNNING')?.instance ?? '';
      sim.exit(instance);
      while (sim.given.length < crash) await sim.seconds(1);
      waits.push(Math.round((sim.given.at(-1)?.at ?? 0) - at));
      sim.deas.set('d1', []);
      sim.run('d1', 'a', 0);
      sim.beat('d1');
    }
    expect(waits.slice(0, 3)).toEqual([0, 0, 0]);
    expect(waits.slice(3)).toEqual([30, 60, 120, 240, 480, 960, 960, 960]);
    expect(sim.given.map((one) => one.kind === 'start' && one.flapping)).toEqual([
      ...Array(3).fill(false),
      ...Array(8).fill(true),
    ]);
  }, 20_000);

  test('500 s of running reset the count', async () => {
    const sim = new Simulator();
    sim.app('a');
    sim.run('d1', 'a', 0);
    await sim.settle();
    for (let crash = 1; crash <= 3; crash += 1) {
      sim.exit(sim.deas.get('d1')?.find((one) => one.state === 'RUNNING')?.instance ?? '');
      sim.run('d1', 'a', 0);
      sim.beat('d1');
    }
    await sim.seconds(501);
    sim.given.length = 0;
    sim.exit(sim.deas.get('d1')?.find((one) => one.state === 'RUNNING')?.instance ?? '');
    expect(sim.starts()).toEqual(['a/0']);
  });

  test('a start that crashes before any beat is counted too', async () => {
    const sim = new Simulator();
    sim.app('a');
    sim.run('d1', 'a', 0);
    await sim.settle();
    for (let i = 0; i < 4; i += 1) {
      sim.manager.exited({
        droplet: 'a',
        version: 'v1',
        instance: `never-seen-${i}`,
        index: 0,
        reason: 'CRASHED',
      });
    }
    expect(sim.starts()).toEqual([]); // the index is held by another instance
    sim.exit(sim.deas.get('d1')?.[0]?.instance ?? '');
    for (let i = 4; i < 8; i += 1) {
      sim.manager.exited({
        droplet: 'a',
        version: 'v1',
        instance: `never-seen-${i}`,
        index: 0,
        reason: 'CRASHED',
      });
    }
    expect(sim.starts()).toEqual(['a/0', 'a/0', 'a/0']);
    await sim.seconds(20);
    expect(sim.starts()).toHaveLength(3);
  });
});

describe('a DEA that goes', () => {
  test('dea.shutdown starts the copies at once, though the old ones go on beating', async () => {
    const sim = new Simulator();
    sim.app('a', { instances: 2 });
    sim.run('d1', 'a', 0);
    sim.run('d2', 'a', 1);
    await sim.settle();
    sim.manager.deaShutdown('d1');
    expect(sim.given).toMatchObject([{ kind: 'start', index: 0, why: 'evacuated', running: { v1: 1 } }]);
    sim.beat('d1');
    sim.exit(sim.deas.get('d1')?.[0]?.instance ?? '', 'DEA_EVACUATION');
    sim.run('d2', 'a', 0);
    sim.beat('d2');
    await sim.seconds(60);
    expect(sim.starts()).toHaveLength(1);
    expect(sim.stops()).toEqual([]);
  });

  test.each(['DEA_EVACUATION', 'DEA_SHUTDOWN'])('%s is answered at once and is no crash', async (reason) => {
    const sim = new Simulator();
    sim.app('a');
    const gone = sim.run('d1', 'a', 0);
    await sim.settle();
    for (let i = 0; i < 5; i += 1)
      sim.manager.exited({ droplet: 'a', version: 'v1', instance: gone, index: 0, reason });
    expect(sim.starts()).toEqual(['a/0']);
  });

  test('STOPPED leaves the word to who stopped it, for a grace', async () => {
    const sim = new Simulator();
    sim.app('a');
    const gone = sim.run('d1', 'a', 0);
    await sim.settle();
    sim.exit(gone, 'STOPPED');
    await sim.seconds(28);
    expect(sim.starts()).toEqual([]);
    await sim.seconds(10);
    expect(sim.starts()).toEqual(['a/0']);
  });
});
