import { expect, test } from '@jest/globals';
import { FakeClock } from '@vcap/clock';
import { ActualState } from '../../src/instances/actual-state.ts';
import { waitRunning } from '../../src/instances/wait-running.ts';

const app = { guid: 'app-1', version: 'v2' };
const told = (state: 'STARTING' | 'RUNNING' | 'CRASHED', version = 'v2', index = 0) => ({
  dea: 'dea-1',
  droplets: [
    {
      droplet: 'app-1',
      version,
      instance: `${version}-${index}`,
      index,
      state,
      state_timestamp: 1,
      cc_partition: 'default',
    },
  ],
});

function waiting(timeoutMs = 60_000) {
  const clock = new FakeClock();
  const actual = new ActualState(clock);
  actual.ordered('app-1', 'v2', 0);
  return { clock, actual, done: () => waitRunning({ actual, clock }, app, 0, timeoutMs) };
}

test('it waits for the very version and index', async () => {
  const { clock, actual, done } = waiting();
  const result = done();
  actual.beat(told('RUNNING', 'v1'));
  await clock.advance(400);
  actual.beat(told('STARTING'));
  await clock.advance(10_000);
  actual.beat(told('RUNNING'));
  await clock.advance(400);
  expect(await result).toBe('running');
});

test('a crash ends it, and so does the time', async () => {
  const crashed = waiting();
  const first = crashed.done();
  crashed.actual.beat(told('CRASHED'));
  await crashed.clock.advance(400);
  expect(await first).toBe('crashed');
  const slow = waiting(5000);
  const second = slow.done();
  slow.actual.beat(told('STARTING'));
  await slow.clock.advance(5200);
  expect(await second).toBe('late');
});

test('an instance that no DEA was found for is not waited for', async () => {
  const { clock, actual, done } = waiting();
  actual.stopOrdered('app-1');
  const result = done();
  await clock.advance(3200);
  expect(await result).toBe('late');
});
