import { expect, test } from '@jest/globals';
import { hopByHopNames } from '../../src/handlers/raw-headers.ts';
import { hostKey, uriKey, wildcardKeys } from '../../src/registry/host-name.ts';

test('what Connection names stays behind, but not what frames or vouches for the request', () => {
  const names = hopByHopNames([
    'Connection',
    'X-A, Host , X-Forwarded-Proto',
    'connection',
    'Content-Length,x-b',
  ]);
  expect(names.has('x-a') && names.has('x-b') && names.has('te') && names.has('upgrade')).toBe(true);
  for (const kept of ['host', 'content-length', 'x-forwarded-proto', 'cookie'])
    expect(names.has(kept)).toBe(false);
  expect(hopByHopNames([]).has('x-a')).toBe(false);
});

test.each([
  ['Shop.Test', 'shop.test'],
  ['shop.test:8080', 'shop.test'],
  ['shop.test.', 'shop.test'],
  [' shop.test.:80 ', 'shop.test'],
  ['[::1]:80', '[::1]'],
  ['[::1', undefined],
  [':80', undefined],
  ['', undefined],
])('the key of host %j is %j', (host, key) => {
  expect(hostKey(host)).toBe(key);
});

test('a uri with a path, a query or a blank is no route', () => {
  for (const uri of ['a.test/x', 'http://a.test', 'a.test?x', 'a .test', ''])
    expect(uriKey(uri)).toBeUndefined();
  expect(uriKey('*.A.test')).toBe('*.a.test');
});

test('wildcards of a host, nearest first', () => {
  expect([...wildcardKeys('a.b.c')]).toEqual(['*.b.c', '*.c']);
  expect([...wildcardKeys('a')]).toEqual([]);
  expect([...wildcardKeys('a.')]).toEqual([]);
});
