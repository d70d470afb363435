import { describe, expect, test } from '@jest/globals';
import { Simulator } from './simulator.ts';

/** Two apps that run as wanted. */
async function twoApps(): Promise<Simulator> {
  const sim = new Simulator();
  sim.app('a', { instances: 2 });
  sim.app('b');
  sim.run('d1', 'a', 0, { instance: 'a0' });
  sim.run('d2', 'a', 1, { instance: 'a1' });
  sim.run('d1', 'b', 0, { instance: 'b0' });
  await sim.settle();
  return sim;
}

describe('extra instances', () => {
  test('nothing is ordered while all is as wanted', async () => {
    const sim = await twoApps();
    await sim.seconds(600);
    expect(sim.given).toEqual([]);
  });

  test.each([
    ['index-too-high', { instances: 1 }, ['a1 index-too-high']],
    ['app-stopped', { started: false }, ['a0 app-stopped', 'a1 app-stopped']],
    ['a version being staged', { version: 'v2', staged: false }, []],
  ])('%s', async (_name, fields, expected) => {
    const sim = await twoApps();
    sim.app('a', fields);
    sim.fetch();
    expect(sim.stops()).toEqual(expected);
    await sim.seconds(25);
    expect(sim.stops()).toEqual(expected); // not repeated within 30 s
  });

  test('an old version is stopped once nothing of the new one is missing', async () => {
    const sim = await twoApps();
    sim.app('b', { version: 'v2' });
    sim.run('d2', 'b', 0, { instance: 'b-new' });
    sim.beat('d2');
    sim.fetch();
    expect(sim.given).toMatchObject([
      { kind: 'stop', version: 'v2', instance: 'b0', instanceVersion: 'v1', running: { v1: 1, v2: 1 } },
    ]);
  });

  test('an instance newer than the last fetch is not judged by it', async () => {
    const sim = await twoApps();
    sim.run('d2', 'b', 0, { instance: 'next', version: 'v2' });
    sim.run('d2', 'c', 0, { instance: 'c0' });
    sim.beat('d2');
    await sim.seconds(10);
    expect(sim.stops()).toEqual([]);
  });

  test('one app that is absent from a complete fetch is stopped after two scans', async () => {
    const sim = await twoApps();
    for (const id of ['c', 'd', 'e']) {
      sim.app(id);
      sim.run('d2', id, 0);
    }
    sim.beat('d2');
    sim.fetch();
    await sim.seconds(12);
    sim.apps.delete('b');
    sim.fetch();
    expect(sim.given).toMatchObject([
      { kind: 'stop', droplet: 'b', instance: 'b0', lastUpdated: 0, why: 'app-absent' },
    ]);
  });

  test('an app whose row cannot be read is left alone', async () => {
    const sim = await twoApps();
    const now = sim.clock.monotonic();
    const apps = new Map([...sim.apps].filter(([id]) => id === 'a'));
    sim.manager.desiredFetched({ apps, opaque: new Set(['b']), startedAt: now, finishedAt: now });
    await sim.seconds(3);
    expect(sim.given).toEqual([]);
  });
});

describe('duplicates', () => {
  test('the newer is stopped, and the controller told which it is', async () => {
    const sim = await twoApps();
    sim.run('d2', 'b', 0, { instance: 'b-late' });
    sim.beat('d2');
    await sim.seconds(6);
    expect(sim.stops()).toEqual(['b-late duplicate']);
  });

  test('one that is still starting goes, though it is older', async () => {
    const sim = await twoApps();
    sim.run('d2', 'b', 0, { instance: 'b-slow', state: 'STARTING', state_timestamp: 1 });
    sim.beat('d2');
    await sim.seconds(6);
    expect(sim.stops()).toEqual(['b-slow duplicate']);
  });

  test('of three two are stopped, never the last', async () => {
    const sim = await twoApps();
    sim.obey = true;
    sim.run('d2', 'b', 0, { instance: 'x' });
    sim.run('d2', 'b', 0, { instance: 'y' });
    sim.beat('d2');
    await sim.seconds(120);
    expect(sim.stops()).toEqual(['x duplicate', 'y duplicate']);
    expect(sim.deas.get('d1')?.map((one) => one.instance)).toContain('b0');
  });

  test('while the older one is silent the newer stays', async () => {
    const sim = await twoApps();
    sim.deas.delete('d1');
    await sim.seconds(16);
    sim.run('d2', 'b', 0, { instance: 'b-late' });
    sim.run('d2', 'a', 0, { instance: 'a-late' });
    sim.beat('d2');
    await sim.seconds(30);
    expect(sim.given).toEqual([]);
  });
});
