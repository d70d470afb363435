import { describe, expect, test } from '@jest/globals';
import type { HeartbeatEntry } from '@vcap/bus';
import { FakeClock } from '@vcap/clock';
import { ActualState } from '../../src/instances/actual-state.ts';
import { countRunning, isTaken, toViews } from '../../src/instances/running-instances.ts';
import { appRecord } from './support/app-record.ts';

const app = appRecord({ guid: 'app-1', version: 'v1', instances: 2 });
const entry = (change: Partial<HeartbeatEntry> = {}): HeartbeatEntry => ({
  droplet: 'app-1',
  version: 'v1',
  instance: 'i-1',
  index: 0,
  state: 'RUNNING',
  state_timestamp: 5.5,
  cc_partition: 'default',
  ...change,
});

function make(): { actual: ActualState; clock: FakeClock; running: () => number } {
  const clock = new FakeClock();
  const actual = new ActualState(clock);
  return { actual, clock, running: () => countRunning(app, actual.of('app-1')) };
}
const states = (actual: ActualState): string[] =>
  actual.of('app-1').map(({ instance, state }) => `${instance} ${state}`);

describe('heartbeats', () => {
  test('each replaces the list of its DEA and leaves the others alone', () => {
    const { actual, running } = make();
    actual.beat({ dea: 'a', droplets: [entry(), entry({ instance: 'i-9', droplet: 'app-2' })] });
    actual.beat({ dea: 'b', droplets: [entry({ instance: 'i-2', index: 1 })] });
    actual.beat({ dea: 'b', droplets: [entry({ instance: 'i-2', index: 1 })] });
    expect(running()).toBe(2);
    actual.beat({ dea: 'a', droplets: [] });
    expect([running(), actual.of('app-2')]).toEqual([1, []]);
  });

  test('count an index once, of the current version and in range only', () => {
    const { actual, running } = make();
    actual.beat({
      dea: 'a',
      droplets: [
        entry(),
        entry({ instance: 'i-2' }),
        entry({ instance: 'i-3', index: 1, version: 'v0' }),
        entry({ instance: 'i-4', index: 2 }),
        entry({ instance: 'i-5', index: 1, state: 'STARTING' }),
      ],
    });
    expect(running()).toBe(1);
  });

  test('a DEA that is silent for 30 s is forgotten', async () => {
    const { actual, clock, running } = make();
    actual.beat({ dea: 'a', droplets: [entry()] });
    await clock.advance(30_000);
    expect(running()).toBe(1);
    await clock.advance(1);
    expect(running()).toBe(0);
  });

  test('are believed after one round, while they are heard, and anew after the bus was away', async () => {
    const { actual, clock } = make();
    actual.beat({ dea: 'a', droplets: [] });
    expect(actual.warm).toBe(false);
    actual.listening();
    await clock.advance(12_000);
    expect(actual.warm).toBe(true);
    actual.listening();
    expect(actual.warm).toBe(false);
    await clock.advance(18_000);
    expect(actual.warm).toBe(false);
  });
});

describe('exits', () => {
  const exit = { ...entry(), reason: 'CRASHED' as const, crash_timestamp: 9 };

  test('a crash shows at once and stays on the list while the DEA tells it', () => {
    const { actual, running } = make();
    actual.beat({ dea: 'a', droplets: [entry()] });
    actual.exited(exit);
    actual.exited(exit);
    expect([running(), states(actual)]).toEqual([0, ['i-1 CRASHED']]);
    actual.beat({ dea: 'a', droplets: [entry({ state: 'CRASHED' })] });
    expect(states(actual)).toEqual(['i-1 CRASHED']);
    actual.beat({ dea: 'a', droplets: [] });
    expect(states(actual)).toEqual([]);
  });

  test('a refused start is a crash that no beat tells; it is kept for 30 s', async () => {
    const { actual, clock } = make();
    actual.exited(exit);
    expect(states(actual)).toEqual(['i-1 CRASHED']);
    await clock.advance(30_001);
    expect(states(actual)).toEqual([]);
  });

  test('a stopped instance is gone; an evacuated one serves on', () => {
    const { actual, running } = make();
    actual.beat({ dea: 'a', droplets: [entry(), entry({ instance: 'i-2', index: 1 })] });
    actual.exited({ ...entry(), reason: 'STOPPED' });
    actual.exited({ ...entry({ instance: 'i-2', index: 1 }), reason: 'DEA_EVACUATION' });
    expect([running(), states(actual)]).toEqual([1, ['i-2 EVACUATING']]);
    expect(isTaken(actual, 'app-1', 'v1', 1)).toBe(false);
  });

  test('of unknown instances change nothing else', () => {
    const { actual } = make();
    actual.exited({ ...entry(), reason: 'STOPPED' });
    actual.exited({ ...entry(), reason: 'DEA_EVACUATION' });
    expect(states(actual)).toEqual([]);
  });
});

describe('whether an index is taken', () => {
  test.each<[string, Partial<HeartbeatEntry>, boolean]>([
    ['a running instance', {}, true],
    ['a starting one', { state: 'STARTING' }, true],
    ['a crashed one', { state: 'CRASHED' }, false],
    ['one of another version', { version: 'v0' }, false],
    ['one of another index', { index: 1 }, false],
  ])('%s', (_what, change, taken) => {
    const { actual } = make();
    actual.beat({ dea: 'a', droplets: [entry(change)] });
    expect(isTaken(actual, 'app-1', 'v1', 0)).toBe(taken);
  });

  test('not by a DEA that is leaving, unless it comes back', () => {
    const { actual } = make();
    const beat = { dea: 'a', droplets: [entry()] };
    actual.beat(beat);
    actual.deaShutdown('a');
    expect(states(actual)).toEqual([]);
    actual.beat(beat);
    expect([isTaken(actual, 'app-1', 'v1', 0), states(actual)]).toEqual([false, ['i-1 RUNNING']]);
    actual.deaStart('a');
    expect(isTaken(actual, 'app-1', 'v1', 0)).toBe(true);
  });

  test('not by a DEA of which two beats are missing', async () => {
    const { actual, clock } = make();
    actual.beat({ dea: 'a', droplets: [entry()] });
    await clock.advance(25_000);
    expect(isTaken(actual, 'app-1', 'v1', 0)).toBe(false);
  });

  test('by an order, until it is answered, voided or too old', async () => {
    const { actual, clock } = make();
    const taken = (): boolean => isTaken(actual, 'app-1', 'v1', 0);
    actual.ordered('app-1', 'v1', 0);
    expect([taken(), isTaken(actual, 'app-1', 'v2', 0)]).toEqual([true, false]);
    actual.exited({ ...entry(), reason: 'CRASHED' });
    expect(taken()).toBe(false);
    actual.ordered('app-1', 'v1', 0);
    actual.stopOrdered('app-1', [1]);
    expect(taken()).toBe(true);
    actual.stopOrdered('app-1');
    expect(taken()).toBe(false);
    actual.ordered('app-1', 'v1', 0);
    await clock.advance(12_001);
    expect(taken()).toBe(false);
  });
});

test('each wanted index has one row: what lives, FLAPPING, or DOWN since now', () => {
  const live = new Map([[1, { state: 'RUNNING' as const, since: 7 }]]);
  const rows = toViews(
    { ...app, instances: 3 },
    live,
    new Map([
      [0, 3.7],
      [1, 4],
    ]),
    100,
  );
  expect(rows).toEqual([
    { index: 0, state: 'FLAPPING', since: 3 },
    { index: 1, state: 'RUNNING', since: 7 },
    { index: 2, state: 'DOWN', since: 100 },
  ]);
});
