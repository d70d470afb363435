import { describe, expect, test } from '@jest/globals';
import { DeadlineError, FakeClock, retry, withDeadline } from '../src/index.ts';

describe('FakeClock', () => {
  test('fires timers in the order of their due times, and intervals again and again', async () => {
    const clock = new FakeClock(0);
    const seen: string[] = [];
    clock.setTimeout(() => seen.push(`late@${clock.now()}`), 30);
    clock.setInterval(() => seen.push(`tick@${clock.now()}`), 10);
    await clock.advance(30);
    expect(seen).toEqual(['tick@10', 'tick@20', 'late@30', 'tick@30']);
  });

  test('an aborted sleep ends at once', async () => {
    const clock = new FakeClock();
    const abort = new AbortController();
    const sleeping = clock.sleep(1000, abort.signal);
    abort.abort();
    await sleeping;
    expect(clock.monotonic()).toBe(0);
  });
});

test('withDeadline says what was late', async () => {
  const clock = new FakeClock();
  const waiting = withDeadline(clock, 50, 'the answer', new Promise(() => undefined));
  const outcome = waiting.catch((error: unknown) => error);
  await clock.advance(50);
  expect(await outcome).toEqual(new DeadlineError('the answer', 50));
});

test('retry waits longer each time and throws the last error', async () => {
  const clock = new FakeClock(0);
  const at: number[] = [];
  const trying = retry(clock, { attempts: 3, delayMs: 10, factor: 2 }, (attempt) => {
    at.push(clock.now());
    return Promise.reject(new Error(`try ${attempt}`));
  });
  const outcome = trying.catch((error: unknown) => error);
  await clock.advance(100);
  expect(await outcome).toEqual(new Error('try 3'));
  expect(at).toEqual([0, 10, 30]);
});
