import { describe, expect, test } from '@jest/globals';
import { Simulator } from './simulator.ts';

/** Apps that run as wanted on two DEAs, `count` in number, and one more instance that is too much. */
async function platform(count = 8): Promise<Simulator> {
  const sim = new Simulator();
  for (let i = 0; i < count; i += 1) {
    sim.app(`app${i}`);
    sim.run(i % 2 === 0 ? 'd1' : 'd2', `app${i}`, 0);
  }
  await sim.settle();
  return sim;
}

describe('nothing is ordered on ignorance', () => {
  test('after a start nothing happens for the freshness time', async () => {
    const sim = new Simulator({ startGraceMs: 1 });
    sim.app('a');
    sim.app('b');
    sim.run('d1', 'a', 5);
    await sim.seconds(14);
    expect(sim.given).toEqual([]);
    await sim.seconds(8);
    expect(sim.starts()).toContain('b/0');
  });

  test('a crash told before all is fresh is answered when it is', async () => {
    const sim = new Simulator();
    sim.app('a');
    const gone = sim.run('d1', 'a', 0);
    await sim.seconds(5);
    sim.exit(gone);
    await sim.seconds(5);
    expect(sim.given).toEqual([]);
    await sim.seconds(11);
    expect(sim.starts()).toEqual(['a/0']);
  });

  test('an empty feed stops nothing, however long it lasts', async () => {
    const sim = await platform();
    sim.feed = 'empty';
    await sim.seconds(2000);
    expect(sim.given).toEqual([]);
    const { desired } = sim.manager.freshness();
    expect(desired.fresh && desired.view.absenceTrusted).toBe(false);
  });

  test('half a feed stops nothing until it was the same for ten minutes; crashes are still answered', async () => {
    const sim = await platform();
    for (let i = 4; i < 8; i += 1) sim.apps.delete(`app${i}`);
    await sim.seconds(590);
    expect(sim.given).toEqual([]);
    sim.exit(sim.deas.get('d1')?.[0]?.instance ?? '');
    expect(sim.starts()).toEqual(['app0/0']);
    await sim.seconds(60);
    expect(sim.stops()).toHaveLength(4);
  });

  test('a feed that fails: its last walk counts for 120 s, then nothing is ordered', async () => {
    const sim = await platform();
    sim.feed = 'none';
    await sim.seconds(60);
    sim.exit(sim.deas.get('d1')?.[0]?.instance ?? '');
    expect(sim.starts()).toEqual(['app0/0']);
    await sim.seconds(80);
    sim.given.length = 0;
    sim.exit(sim.deas.get('d2')?.[0]?.instance ?? '');
    await sim.seconds(30);
    expect(sim.given).toEqual([]);
    expect(sim.manager.freshness().desired).toEqual({
      fresh: false,
      why: 'the last complete fetch is too old',
    });
  });

  test('a bus that was away for five minutes costs no restart', async () => {
    const sim = await platform();
    sim.connected = false;
    await sim.seconds(300);
    sim.connected = true;
    sim.manager.connectionRestored();
    await sim.seconds(120);
    expect(sim.given).toEqual([]);
  });

  test('a frozen bus, on which nothing is heard, costs no restart', async () => {
    const sim = await platform();
    const deas = new Map(sim.deas);
    sim.deas.clear();
    await sim.seconds(90);
    expect(sim.manager.freshness().actual).toEqual({ fresh: false, why: 'no DEA is heard' });
    for (const [dea, list] of deas) sim.deas.set(dea, list);
    await sim.seconds(120);
    expect(sim.given).toEqual([]);
  });

  test('a restart of the health manager costs no restart and no stop', async () => {
    const sim = await platform();
    const next = new Simulator();
    for (const [id, app] of sim.apps) next.apps.set(id, app);
    for (const [dea, list] of sim.deas) next.deas.set(dea, list);
    await next.seconds(300);
    expect(next.given).toEqual([]);
  });
});

test('a pass over 10,000 apps stays under half a second', async () => {
  const sim = await platform(10_000);
  const before = performance.now();
  sim.manager.pass();
  expect(performance.now() - before).toBeLessThan(500);
  expect(sim.given).toEqual([]);
}, 30_000);
