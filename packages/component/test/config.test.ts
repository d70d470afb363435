import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { tempDir } from '@vcap/testkit';
import type { TempDir } from '@vcap/testkit';
import { z } from 'zod';
import {
  baseConfigShape,
  checkLocalRoute,
  loadConfig,
  ownAddress,
  startGroup,
  silentLogger,
  stopGroup,
} from '../src/index.ts';

let dir: TempDir;
beforeAll(async () => {
  dir = await tempDir('component-');
});
afterAll(() => dir.remove());

const schema = z.strictObject({ ...baseConfigShape, port: z.int() });

function load(text: string): z.infer<typeof schema> {
  const file = join(dir.path, 'router.yml');
  writeFileSync(file, text);
  return loadConfig(file, schema);
}

test('one bus address becomes a list and defaults are filled in', () => {
  expect(load('mbus: nats://127.0.0.1:4222\nport: 1\n')).toMatchObject({
    mbus: ['nats://127.0.0.1:4222'],
    index: 0,
    status: { port: 0 },
    logging: { level: 'info' },
  });
});

test('a variable replaces a single key, a nested one too', () => {
  const file = join(dir.path, 'over.yml');
  writeFileSync(file, 'mbus: nats://h:1\nport: 1\n');
  const env = {
    VCAP_CONFIG_port: '7',
    VCAP_CONFIG_status__user: 'u',
    VCAP_CONFIG_mbus: '[nats://a:1, nats://b:1]',
  };
  expect(loadConfig(file, schema, env)).toMatchObject({
    port: 7,
    status: { user: 'u' },
    mbus: ['nats://a:1', 'nats://b:1'],
  });
  expect(() => loadConfig(file, schema, { VCAP_CONFIG_bogus: '1' })).toThrow(/bogus/);
});

test('a variable may name the file that holds a value', () => {
  const file = join(dir.path, 'secret.yml');
  writeFileSync(file, 'mbus: nats://h:1\nport: 1\n');
  writeFileSync(join(dir.path, 'mbus'), 'nats://user:word@a:1\n');
  const read = (path: string) => loadConfig(file, schema, { VCAP_CONFIG_FILE_mbus: path });
  expect(read(join(dir.path, 'mbus'))).toMatchObject({ mbus: ['nats://user:word@a:1'] });
  expect(() => read(join(dir.path, 'none'))).toThrow(/no such file.*none/);
});

test('an unknown key and a wrong value are errors that name the key', () => {
  expect(() => load('mbus: nats://h:1\nport: x\nbogus: 1\n')).toThrow(/port: [\s\S]*bogus/);
  expect(() => load('a: [')).toThrow(/router\.yml/);
});

test('advertising loopback to a bus on another host is refused', () => {
  expect(() => checkLocalRoute('127.0.0.1', ['nats://192.0.2.1:4222'])).toThrow(/local_route/);
  expect(() => checkLocalRoute('127.0.0.1', ['nats://127.0.0.1:4222'])).not.toThrow();
});

test('the own address is the one that the bus is reached from', async () => {
  expect(await ownAddress(['nats://127.0.0.1:4222'])).toBe('127.0.0.1');
  expect(await ownAddress(['nats://nowhere.invalid:4222', 'nats://127.0.0.1:4222'])).toBe('127.0.0.1');
  expect(await ownAddress(['nats://nowhere.invalid:4222'])).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
});

test('a member that fails to start stops those before it, in reverse', async () => {
  const seen: string[] = [];
  const member = (name: string, fails = false) => ({
    name,
    start: async () => {
      seen.push(`start ${name}`);
      if (fails) throw new Error('no room');
    },
    stop: async () => void seen.push(`stop ${name}`),
  });
  await expect(startGroup([member('a'), member('b'), member('c', true)], silentLogger)).rejects.toThrow(
    'c did not start: no room',
  );
  expect(seen).toEqual(['start a', 'start b', 'start c', 'stop b', 'stop a']);
  expect(await stopGroup([], silentLogger)).toBe(true);
});
