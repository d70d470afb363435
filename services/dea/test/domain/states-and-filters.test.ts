import { describe, expect, test } from '@jest/globals';
import { newTrace } from '@vcap/bus';
import { matches, stopMatches } from '../../src/instance/filter.ts';
import { Instance } from '../../src/instance/instance.ts';
import { STATES, canMove, holdsDisk, holdsMemory, isLive } from '../../src/instance/states.ts';
import type { InstanceState } from '../../src/instance/states.ts';
import { bring, makeInstance, startMessage } from '../fixtures.ts';

describe('the state of an instance', () => {
  test('moves by its one setter, which notes the time and tells the listener', () => {
    const seen: string[] = [];
    const parts = {
      id: 'a',
      handle: 'a',
      message: startMessage(),
      privateInstanceId: '',
      rootDir: '/',
      nowMs: 1,
      trace: newTrace(),
    };
    const instance = new Instance(parts, ({ state }, from) => seen.push(`${from}>${state}`));
    instance.setState('STARTING', 2);
    instance.setState('RUNNING', 3);
    instance.setState('STOPPING', 4);
    instance.setState('STOPPED', 5);
    expect(seen).toEqual(['BORN>STARTING', 'STARTING>RUNNING', 'RUNNING>STOPPING', 'STOPPING>STOPPED']);
    expect(instance.stateSinceMs).toBe(5);
  });

  const moves: [InstanceState, InstanceState[]][] = [
    ['BORN', ['RESUMING', 'STARTING', 'STOPPING', 'CRASHED']],
    ['RESUMING', ['STARTING', 'RUNNING', 'STOPPING', 'CRASHED']],
    ['STARTING', ['RUNNING', 'STOPPING', 'CRASHED']],
    ['RUNNING', ['EVACUATING', 'STOPPING', 'CRASHED']],
    ['EVACUATING', ['STOPPING', 'CRASHED']],
    ['STOPPING', ['STOPPED']],
    ['STOPPED', []],
    ['CRASHED', ['STOPPED']],
  ];
  test.each(moves)('goes from %s to %j only', (from, allowed) => {
    expect(STATES).toHaveLength(moves.length);
    for (const to of STATES) {
      const instance = bring(makeInstance(), from);
      expect(canMove(from, to)).toBe(allowed.includes(to));
      if (allowed.includes(to)) instance.setState(to, 1);
      else expect(() => instance.setState(to, 1)).toThrow(`cannot go from ${from} to ${to}`);
      expect(instance.state).toBe(allowed.includes(to) ? to : from);
    }
  });

  test('takes a stop wherever it lives, which is where it is not over', () => {
    for (const state of STATES) expect(isLive(state)).toBe(canMove(state, 'STOPPING'));
  });

  test('holds memory and disk while it may run', () => {
    expect([
      holdsMemory('STOPPING'),
      holdsMemory('CRASHED'),
      holdsDisk('CRASHED'),
      holdsDisk('STOPPED'),
    ]).toEqual([true, false, false, false]);
  });
});

describe('a filter', () => {
  const instance = bring(makeInstance({ index: 2 }), 'RUNNING');

  test.each([
    [{ droplet: 'app-1' }, true],
    [{ droplet: 'other' }, false],
    [{ droplet: 'app-1', version: 'v1', indices: [1, 2], states: ['RUNNING' as const] }, true],
    [{ droplet: 'app-1', version: 'v2' }, false],
    [{ droplet: 'app-1', version: null, instances: null, indices: null, states: null }, true],
    [{ droplet: 'app-1', instances: ['i-1'] }, true],
    [{ droplet: 'app-1', instance_ids: ['i-1'] }, true],
    [{ droplet: 'app-1', instance_ids: ['i-2'] }, false],
    [{ droplet: 'app-1', instances: [] }, false],
    [{ droplet: 'app-1', indices: [] }, false],
    [{ droplet: 'app-1', states: ['CRASHED' as const] }, false],
  ])('%j gives %s', (filter, expected) => {
    expect(matches(filter, instance)).toBe(expected);
  });

  test('of a stop leaves a crashed instance alone unless it is named', () => {
    const crashed = bring(makeInstance(), 'CRASHED');
    expect(stopMatches({ droplet: 'app-1' }, crashed)).toBe(false);
    expect(stopMatches({ droplet: 'app-1', instances: ['i-1'] }, crashed)).toBe(true);
    expect(stopMatches({ droplet: 'app-1', states: ['CRASHED'] }, crashed)).toBe(true);
  });
});
