import { expect, test } from '@jest/globals';
import { FakeClock } from '@vcap/clock';
import { LatencyWindow } from '../../src/metrics/latency-window.ts';
import { LoadAverage } from '../../src/metrics/load-average.ts';
import { RateWindow } from '../../src/metrics/rate-window.ts';
import { TopApps } from '../../src/metrics/traffic.ts';
import { classOf, statusClasses } from '../../src/plane/stats.ts';

test('latencies of the last minute, in seconds', async () => {
  const clock = new FakeClock();
  const window = new LatencyWindow(clock);
  expect(window.summary()).toEqual({ 50: 0, 75: 0, 90: 0, 95: 0, 99: 0, value: 0, samples: 0 });
  window.add(9000);
  await clock.advance(61_000);
  for (let ms = 1; ms <= 100; ms += 1) window.add(ms);
  expect(window.summary()).toMatchObject({ 50: 0.051, 99: 0.1, value: 0.0505, samples: 100 });
  for (let i = 0; i < 2000; i += 1) window.add(5);
  expect(window.summary()).toMatchObject({ 99: 0.005, samples: 1024 });
});

test('rates by second and minute forget what is past', async () => {
  const clock = new FakeClock();
  const window = new RateWindow(clock);
  for (let i = 0; i < 10; i += 1) window.mark();
  await clock.advance(1000);
  expect(window.perSecond()).toBe(2);
  expect(window.perMinute()).toBe(10);
  await clock.advance(58_000);
  expect([window.perSecond(), window.perMinute()]).toEqual([0, 10]);
  await clock.advance(1000);
  expect(window.perMinute()).toBe(0);
  window.mark();
  await clock.advance(3_600_000);
  expect(window.perMinute()).toBe(0);
});

test('load averages rise to the steady rate, the short one first, and fall again', async () => {
  const clock = new FakeClock();
  const average = new LoadAverage(clock);
  for (let second = 0; second < 120; second += 1) {
    for (let i = 0; i < 10; i += 1) average.mark();
    await clock.advance(1000);
  }
  const [one, five, fifteen] = average.rates();
  expect(one).toBeGreaterThan(8);
  expect(one).toBeLessThan(10);
  expect(five).toBeLessThan(one);
  expect(fifteen).toBeLessThan(five);
  await clock.advance(600_000);
  expect(average.rates()[0]).toBeLessThan(0.01);
});

test('the busiest apps first, idle ones forgotten', async () => {
  const clock = new FakeClock();
  const top = new TopApps(clock);
  for (const app of ['a', 'b', 'b', 'c', 'c', 'c']) top.mark(app, 1);
  expect(top.top(2)).toEqual([
    { application_id: 'c', rps: 0, rpm: 3 },
    { application_id: 'b', rps: 0, rpm: 2 },
  ]);
  await clock.advance(61_000);
  expect(top.top(10)).toEqual([]);
});

test.each([
  [101, 'xxx'],
  [200, '2xx'],
  [304, '3xx'],
  [499, '4xx'],
  [504, '5xx'],
  [700, 'xxx'],
])('status %d is counted as %s', (status, name) => {
  expect(statusClasses[classOf(status)]).toBe(name);
});
