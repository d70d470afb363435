import { expect, test } from '@jest/globals';
import { FakeClock } from '@vcap/clock';
import { checkStart, checkStop } from '../../src/instances/health-checks.ts';
import { Recent } from '../../src/instances/recent.ts';

const app = {
  version: 'v2',
  state: 'STARTED' as 'STARTED' | 'STOPPED',
  packageState: 'STAGED' as 'STAGED' | 'PENDING' | 'FAILED',
  dropletHash: 'abc' as string | null,
  instances: 2,
  replacingVersion: null as string | null,
  replacingUntil: 0,
};
const wish = { version: 'v2', index: 1, taken: false };
const extra = { version: 'v2', index: 1, isDuplicate: false };

test.each<[string, typeof app | undefined, Partial<typeof wish>]>([
  ['missing', app, {}],
  ['app-gone', undefined, {}],
  ['app-stopped', { ...app, state: 'STOPPED' }, {}],
  ['other-version', app, { version: 'v1' }],
  ['index-too-high', app, { index: 2 }],
  ['not-staged', { ...app, packageState: 'PENDING' }, {}],
  ['not-staged', { ...app, packageState: 'FAILED' }, {}],
  ['no-droplet', { ...app, dropletHash: null }, {}],
  ['already-running', app, { taken: true }],
])('a start is judged: %s', (why, row, change) => {
  expect(checkStart(row, { ...wish, ...change })).toEqual({ obey: why === 'missing', why });
});

test.each<
  [string, typeof app | undefined, { version?: string; index?: number | undefined; isDuplicate?: boolean }]
>([
  ['wanted', app, {}],
  ['wanted', app, { index: undefined }],
  ['wanted', { ...app, packageState: 'PENDING' }, {}],
  ['app-gone', undefined, {}],
  ['staging-failed', { ...app, packageState: 'FAILED' }, {}],
  ['duplicate', app, { isDuplicate: true }],
  ['other-version', app, { version: 'v1' }],
  ['being-replaced', { ...app, replacingVersion: 'v1', replacingUntil: 1001 }, { version: 'v1' }],
  ['other-version', { ...app, replacingVersion: 'v1', replacingUntil: 1000 }, { version: 'v1' }],
  ['index-too-high', app, { index: 2 }],
  ['app-stopped', { ...app, state: 'STOPPED' }, {}],
])('a stop is judged: %s', (why, row, change) => {
  const obey = why !== 'wanted' && why !== 'being-replaced';
  expect(checkStop(row, { ...extra, ...change }, 1000)).toEqual({ obey, why });
});

test('a key is new again after its time, and when it is forgotten', async () => {
  const clock = new FakeClock();
  const recent = new Recent(clock, 1000);
  expect([recent.isNew('a'), recent.isNew('a'), recent.isNew('b')]).toEqual([true, false, true]);
  recent.forget('b');
  expect(recent.isNew('b')).toBe(true);
  await clock.advance(1000);
  expect(recent.isNew('a')).toBe(true);
});
