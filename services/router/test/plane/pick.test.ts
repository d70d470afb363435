import { beforeEach, describe, expect, test } from '@jest/globals';
import { createPick, Endpoint } from '../../src/index.ts';
import type { TableRoute } from '../../src/index.ts';

let route: TableRoute;
beforeEach(() => {
  const members = [1, 2, 3].map(
    (port) => new Endpoint({ address: `h:${port}`, host: 'h', port, privateInstanceId: `p${port}` }, 0),
  );
  route = { key: 'a.test', members, cursor: 0 };
});
const options = { balance: 'least-connections', backendLimit: 0, slowStartMs: 0 } as const;
const least = createPick(options, () => 0.5);
const one = (pick = least, tried?: Set<Endpoint>, sticky?: string, hash?: string, now = 1e9) =>
  pick(route, tried, sticky, hash, now)?.facts.port;

describe('least connections', () => {
  test('takes turns among equals', () => {
    expect([1, 2, 3, 4].map(() => one())).toEqual([1, 2, 3, 1]);
  });
  test('takes the least loaded', () => {
    for (const [i, active] of [3, 1, 2].entries()) route.members[i]!.active = active;
    expect([one(), one()]).toEqual([2, 2]);
  });
  test('gives a backend in its slow start less', () => {
    const slow = createPick({ ...options, slowStartMs: 1000 }, () => 0.5);
    const young = new Endpoint({ address: 'h:4', host: 'h', port: 4 }, 900);
    route.members.push(young);
    const counts = [0, 0, 0, 0];
    for (let i = 0; i < 31; i += 1) {
      const chosen = slow(route, undefined, undefined, undefined, 1000)!;
      chosen.active += 1;
      counts[chosen.facts.port - 1]! += 1;
    }
    expect(counts[3]).toBeLessThanOrEqual(1);
    expect(slow(route, undefined, undefined, undefined, 1900)).toBe(young);
  });
});

test('obeys the sticky id while that instance is up and untried', () => {
  expect([one(least, undefined, 'p3'), one(least, undefined, 'p3')]).toEqual([3, 3]);
  expect(one(least, new Set([route.members[2]!]), 'p3')).not.toBe(3);
  route.members[2]!.health = 'down';
  expect(one(least, undefined, 'p3')).not.toBe(3);
  expect(one(least, undefined, 'unheard-of')).toBeDefined();
});

test('gives none more than the limit, a sticky one neither', () => {
  const limited = createPick({ ...options, backendLimit: 2 }, () => 0.5);
  for (const endpoint of route.members) endpoint.active = 2;
  route.members[1]!.active = 1;
  expect(one(limited, undefined, 'p3')).toBe(2);
  route.members[1]!.active = 2;
  expect(one(limited)).toBeUndefined();
});

test('uses a suspect only when nothing better is left', () => {
  route.members[0]!.health = 'suspect';
  route.members[1]!.health = 'down';
  expect([one(), one(), one()]).toEqual([3, 3, 3]);
  expect(one(least, new Set([route.members[2]!]))).toBe(1);
});

test('round robin goes on in turn whatever the load', () => {
  const turns = createPick({ ...options, balance: 'round-robin' }, () => 0.5);
  route.members[0]!.active = 9;
  expect([1, 2, 3, 4].map(() => one(turns))).toEqual([1, 2, 3, 1]);
});

test('hash keeps a value on its backend, spreads values, and moves only the share of one that goes', () => {
  const hashed = createPick({ ...options, balance: 'hash' }, () => 0.5);
  const values = Array.from({ length: 300 }, (_each, i) => `user-${i}`);
  const before = values.map((value) => one(hashed, undefined, undefined, value));
  for (const port of [1, 2, 3]) {
    const share = before.filter((each) => each === port).length;
    expect(share).toBeGreaterThan(60);
  }
  expect(values.map((value) => one(hashed, undefined, undefined, value))).toEqual(before);
  route.members[1]!.health = 'down';
  const after = values.map((value) => one(hashed, undefined, undefined, value));
  for (const [i, port] of before.entries()) if (port !== 2) expect(after[i]).toBe(port);
});
