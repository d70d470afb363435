import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { Store, defaultTarget } from '../src/config/store.ts';
import { bareUrl, browserUrl, defaultUrl, normalizeTarget } from '../src/config/target.ts';
import { folder } from './support/temp.ts';
import { vmc } from './support/vmc.ts';

test('dot files are for their owner only, also when they were not before', async () => {
  const home = await folder({ '.vmc_target': 'old.example.com\n' });
  const store = new Store({ HOME: home });
  expect(store.target()).toBe('http://old.example.com');
  store.setTarget('http://new.example.com');
  store.setToken('http://new.example.com', 'secret');
  store.setInstances({ 'foo-1': 'id' });
  await vmc(['alias', 'll=apps --json'], { home });
  for (const name of ['.vmc_target', '.vmc_token', '.vmc_instances', '.vmc_aliases'])
    expect([name, (await stat(join(home, name))).mode & 0o777]).toEqual([name, 0o600]);
  expect(JSON.parse(await readFile(join(home, '.vmc_token'), 'utf8'))).toEqual({
    'http://new.example.com': 'secret',
  });
  store.removeTokens();
  expect(store.tokens()).toEqual({});
});

test('VMC_TARGET goes before the stored target, and there is a default', async () => {
  const home = await folder();
  expect(new Store({ HOME: home }).target()).toBe(defaultTarget);
  expect(new Store({ HOME: home, VMC_TARGET: 'api.x.y/' }).target()).toBe('http://api.x.y');
});

test('a broken token file is named, with what to do', async () => {
  const home = await folder();
  await writeFile(join(home, '.vmc_token'), 'no json');
  const outcome = await vmc(['apps'], { home });
  expect(outcome).toMatchObject({ status: 1 });
  expect(outcome.err).toMatch(/\.vmc_token is not JSON\nRemove it/);
});

test('URLs of targets and applications', () => {
  expect(normalizeTarget('api.vcap.me//')).toBe('http://api.vcap.me');
  expect(() => normalizeTarget('http://')).toThrow(/not a target URL/);
  expect(defaultUrl('App', defaultTarget)).toBe('app.vcap.localhost');
  expect(bareUrl('HTTP://Foo.vcap.localhost:8080/')).toBe('foo.vcap.localhost');
  expect(browserUrl('app.vcap.localhost', defaultTarget)).toBe('http://app.vcap.localhost:8080');
  expect(browserUrl('www.example.com', defaultTarget)).toBe('http://www.example.com');
});

test('aliases stand for commands, never for built-in ones', async () => {
  const home = await folder();
  expect((await vmc(['alias', 'where=target --json'], { home })).status).toBe(0);
  expect(JSON.parse((await vmc(['where'], { home })).out)).toEqual({ target: defaultTarget });
  expect((await vmc(['aliases'], { home })).out).toContain('| where | target --json |');
  expect(await vmc(['alias', 'apps=target'], { home })).toMatchObject({ status: 2 });
  expect((await vmc(['unalias', 'where'], { home })).status).toBe(0);
  expect((await vmc(['where'], { home })).status).toBe(2);
});
