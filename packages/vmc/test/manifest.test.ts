import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { manifestApps } from '../src/manifest/apps.ts';
import { findManifest, loadManifest } from '../src/manifest/load.ts';
import { folder } from './support/temp.ts';

const target = 'http://api.vcap.localhost:8080';

async function apps(files: Record<string, string>, o: { at?: string; name?: string } = {}) {
  const root = await folder(files);
  const manifest = await loadManifest(join(root, 'manifest.yml'));
  const { name } = o;
  return manifestApps(manifest, {
    workingDirectory: join(root, o.at ?? '.'),
    target,
    randomWord: () => 'abcde',
    ...(name === undefined ? {} : { name }),
  });
}

const several = {
  'manifest.yml': `
applications:
  web: {name: web, depends-on: ./lib}
  lib: {name: lib, depends-on: [./db]}
  db: {name: db}
`,
  'web/sub/x': '',
  'other/x': '',
};

const names = async (o?: { at?: string; name?: string }) => (await apps(several, o)).map((app) => app.name);

describe('manifest', () => {
  test('reads the map form with framework info and services', async () => {
    const [app] = await apps({
      'manifest.yml': `
applications:
  .:
    name: hi
    framework: {name: sinatra, info: {mem: 256M, description: x, exec: ruby hi.rb}}
    url: \${name}.\${target-base}
    instances: 2
    services:
      hi-redis: {type: redis}
`,
    });
    expect(app).toMatchObject({
      name: 'hi',
      framework: 'sinatra',
      memoryMb: 256,
      urls: ['hi.vcap.localhost'],
      instances: 2,
      services: [{ name: 'hi-redis', vendor: 'redis' }],
    });
  });

  test('reads the list form with memory, env and settings for all', async () => {
    const found = await apps({
      'manifest.yml': `
memory: 1G
applications:
- name: one
  path: a
  env: {MODE: fast, LIST: [1], N: 1}
  services: [db]
- name: two
  memory: 64M
  host: deux
  domain: vcap.localhost
  command: ./run
`,
    });
    expect(found).toMatchObject([
      { name: 'one', memoryMb: 1024, env: ['MODE=fast', 'LIST=[1]', 'N=1'], services: [{ name: 'db' }] },
      { name: 'two', memoryMb: 64, urls: ['deux.vcap.localhost'], command: './run' },
    ]);
    expect(found[0]?.path.endsWith('/a')).toBe(true);
  });

  test('without applications the top level is one application', async () => {
    expect(await apps({ 'manifest.yml': 'name: solo\nmem: 64\nurl: None' })).toMatchObject([
      { name: 'solo', memoryMb: 64, urls: [] },
    ]);
  });

  test('inherits, deep-merged, through several files', async () => {
    const [app] = await apps({
      'manifest.yml': 'inherit: base/one.yml\napplications: {.: {name: hi}}',
      'base/one.yml': 'inherit: [two.yml]\napplications: {.: {mem: 512M, name: base}}',
      'base/two.yml': 'applications: {.: {instances: 3, mem: 1G}}',
    });
    expect(app).toMatchObject({ name: 'hi', memoryMb: 512, instances: 3 });
  });

  test('looks symbols up from the inside out, in properties and beside', async () => {
    const [app] = await apps({
      'manifest.yml': `
properties: {zone: z1, word: outer}
applications:
  .:
    properties: {word: inner}
    name: \${word}-\${zone}-\${random-word}
    command: run \${name} \${target-url}
`,
    });
    expect(app?.name).toBe('inner-z1-abcde');
    expect(app?.command).toBe(`run inner-z1-abcde ${target}`);
  });

  test('chooses all in the order of dependencies, the one around the folder, or the one named', async () => {
    expect(await names()).toEqual(['db', 'lib', 'web']);
    expect(await names({ at: 'web/sub' })).toEqual(['web']);
    expect(await names({ at: 'other', name: 'lib' })).toEqual(['lib']);
    await expect(names({ at: 'other' })).rejects.toThrow(/belongs to no application/);
  });

  test.each([
    ['applications: {a: {name: "${nope}"}}', /\$\{nope\} is unknown/],
    ['applications: {a: {name: "${name}"}}', /stands for itself/],
    ['inherit: manifest.yml', /inherits from itself/],
    ['inherit: missing.yml', /cannot be read/],
    ['applications: {a: {depends-on: b}, b: {depends-on: a}}', /depends on itself/],
    ['applications: {a: {mem: lots}}', /'mem' is wrong.*memory size/],
    ['applications: {a: {instances: 0}}', /'instances' is wrong/],
    ['a: [', /is not YAML/],
    ['- a', /must be a map/],
  ])('refuses %j', async (text, message) => {
    await expect(apps({ 'manifest.yml': text })).rejects.toThrow(message);
  });

  test('is found upward', async () => {
    const root = await folder({ 'manifest.yml': 'name: x', 'a/b/c': '' });
    expect(findManifest(join(root, 'a/b'))).toBe(join(root, 'manifest.yml'));
    expect(() => findManifest(root, 'other.yml')).toThrow(/no manifest/);
  });
});
