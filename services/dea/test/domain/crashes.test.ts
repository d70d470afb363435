import { describe, expect, test } from '@jest/globals';
import { surplusCrashes } from '../../src/instance/crashes.ts';
import type { Instance } from '../../src/instance/instance.ts';
import { bring, makeInstance } from '../fixtures.ts';

const limits = { lifetimeMs: 3_600_000, perApp: 3, maxBytes: 1000 };
const crash = (droplet: string, sinceMs: number, bytes?: number): Instance => {
  const instance = bring(makeInstance({ droplet }, `${droplet}-${sinceMs}`), 'CRASHED', sinceMs);
  instance.crashBytes = bytes;
  return instance;
};
const surplus = (crashed: Instance[], now = 0): string[] =>
  surplusCrashes(crashed, limits, now).map(({ id }) => id);

describe('crashed instances', () => {
  test('are kept for their time', () => {
    expect(surplus([crash('a', 0, 1), crash('b', 1, 1)], 3_600_001)).toEqual(['a-0']);
  });

  test('are kept in some number for each application, the newest first', () => {
    expect(surplus([1, 2, 3, 4].map((since) => crash('a', since, 1)))).toEqual(['a-1']);
  });

  test('share a disk budget: the newest of every application before any older one', () => {
    const old = crash('quiet', 1, 300);
    const many = [10, 11, 12].map((since) => crash('loud', since, 350));
    expect(surplus([...many, old]).toSorted()).toEqual(['loud-10']);
    expect(surplus([crash('big', 5, 2000), old])).toEqual(['big-5']);
  });

  test('count as nothing before they are measured', () => {
    expect(surplus([crash('a', 1), crash('b', 2, 1000)])).toEqual([]);
  });
});
