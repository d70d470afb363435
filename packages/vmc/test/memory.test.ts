import { expect, test } from '@jest/globals';
import { healthOf } from '../src/app/health.ts';
import { changeInstances, parseMemory } from '../src/app/memory.ts';
import { UsageError } from '../src/errors.ts';
import { formatBytes, formatUptime } from '../src/ui/format.ts';
import { renderTable } from '../src/ui/table.ts';

test.each([
  ['128', 128],
  ['512M', 512],
  ['512mb', 512],
  ['2G', 2048],
  ['1.5g', 1536],
])('memory %s is %i MB', (text, expected) => expect(parseMemory(text)).toBe(expected));

test.each(['', '0', '-1', '512K', '0.5M', 'much'])('memory %j is refused', (text) =>
  expect(() => parseMemory(text)).toThrow(UsageError),
);

test.each([
  ['3', 3],
  ['+2', 4],
  ['-1', 1],
])('%s from 2 instances is %i', (text, expected) => expect(changeInstances(text, 2)).toBe(expected));

test.each(['0', '-2', '-3', 'x', '1.5', ''])('%j from 2 instances is refused', (text) =>
  expect(() => changeInstances(text, 2)).toThrow(UsageError),
);

test.each([
  ['STOPPED', 2, null, 'STOPPED'],
  ['STARTED', 2, 2, 'RUNNING'],
  ['STARTED', 3, 1, '33%'],
  ['STARTED', 2, null, 'N/A'],
  ['STARTED', 0, 0, 'N/A'],
])('health of %s %i/%s is %s', (state, instances, runningInstances, expected) =>
  expect(healthOf({ state, instances, runningInstances })).toBe(expected),
);

test('sizes, times and tables read as in vmc', () => {
  expect([12, 1536, 134217728, 2147483648].map(formatBytes)).toEqual(['12B', '1.5K', '128.0M', '2.0G']);
  expect(formatUptime(93784.5)).toBe('1d:2h:3m:4s');
  expect(renderTable(['Name', '#'], [['é', '12']])).toBe(
    '+------+----+\n| Name | #  |\n+------+----+\n| é    | 12 |\n+------+----+',
  );
});
