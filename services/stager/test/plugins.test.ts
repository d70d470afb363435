import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { samplePath } from '@vcap/samples';
import type { SampleName } from '@vcap/samples';
import { tempDir } from '@vcap/testkit';
import { AppFiles } from '../src/container/app-files.ts';
import { choosePlugin } from '../src/plugins/index.ts';
import type { CompileContext } from '../src/plugins/plugin.ts';
import { procfileCommand } from '../src/plugins/procfile.ts';

let dir: Awaited<ReturnType<typeof tempDir>>;
let ran: string[];
let said: string[];
beforeEach(async () => {
  dir = await tempDir('plugins');
  await mkdir(join(dir.path, 'app'));
  ran = [];
  said = [];
});
afterEach(() => dir.remove());

const put = async (files: Record<string, string>): Promise<string> => {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir.path, 'app', name)), { recursive: true });
    await writeFile(join(dir.path, 'app', name), text);
  }
  return join(dir.path, 'app');
};
/** Compiles on a host that has `programs`; commands end with `code`. */
const compile = async (
  framework: string,
  o: { programs?: string[]; code?: number; command?: string } = {},
) => {
  const app = join(dir.path, 'app');
  const context: CompileContext = {
    files: new AppFiles(app),
    command: o.command,
    say: (line) => said.push(line),
    run: async (argv) => {
      ran.push(argv.join(' '));
      return o.code ?? 0;
    },
    path: (name) => `/home/vcap/${name}`,
    cache: async (tool) => `/cache/${tool}`,
    which: async (program) => (o.programs ?? []).includes(program),
    addFile: (path, name) => copyFile(path, join(dir.path, name)),
    makeDir: async () => undefined,
  };
  return (await choosePlugin(new AppFiles(app), framework, o.command)).compile(context);
};

describe('choosing', () => {
  test.each([
    ['node-hello', 'node'],
    ['node-express', 'node'],
    ['rack', 'rack'],
    ['sinatra', 'sinatra'],
    ['static-site', 'static'],
    ['wsgi', 'wsgi'],
  ] as [SampleName, string][])('%s is known as %s by its files', async (sample, name) => {
    expect((await choosePlugin(new AppFiles(samplePath(sample)), undefined, undefined)).name).toBe(name);
  });

  test('files that fit nothing need a framework or a command', async () => {
    const app = await put({ 'a.txt': '' });
    await expect(choosePlugin(new AppFiles(app), undefined, undefined)).rejects.toThrow(
      'fit no known framework',
    );
    expect((await choosePlugin(new AppFiles(app), undefined, './run')).name).toBe('standalone');
  });
});

describe('node', () => {
  test.each([
    [{ 'package.json': '{"scripts":{"start":"node web.js"}}', 'server.js': '' }, 'node web.js'],
    [
      { 'package.json': '{"scripts":{"start":"serve ."}}' },
      'export PATH="$PWD/node_modules/.bin:$PATH"; serve .',
    ],
    [{ 'package.json': '\uFEFF{}', 'main.js': '', 'index.js': '' }, 'node index.js'],
    [{ 'app.js': '' }, 'node app.js'],
  ])('start command of %j', async (files, command) => {
    await put(files);
    expect((await compile('node')).startCommand).toBe(command);
    expect(ran).toEqual([]);
  });

  test('installs from the lock, or without one; the command of the user wins', async () => {
    const app = await put({ 'package.json': '{"dependencies":{"ms":"2"}}' });
    const programs = ['npm'];
    expect((await compile('node', { programs, command: 'node x' })).startCommand).toBe('node x');
    await writeFile(join(app, 'package-lock.json'), '{}');
    await compile('node', { programs, command: 'node x' });
    expect(ran).toEqual([
      'npm install --omit=dev --no-audit --no-fund',
      'npm ci --omit=dev --no-audit --no-fund',
    ]);
  });

  test.each([
    [{ 'package.json': '{"dependencies":{"ms":"2"}}', 'app.js': '' }, {}, 'this stager has no npm'],
    [
      { 'package.json': '{"dependencies":{"ms":"2"}}', 'app.js': '' },
      { programs: ['npm'], code: 1 },
      'npm failed with exit status 1',
    ],
    [{ 'package.json': '{' }, {}, 'package.json cannot be used'],
    [{ 'package.json': '{"scripts":{"start":5}}' }, {}, 'scripts.start'],
  ])('%j says what is wrong', async (files, o, text) => {
    await put(files);
    await expect(compile('node', o)).rejects.toThrow(text);
  });
});

describe('wsgi', () => {
  test('uses gunicorn where it is, else the runner in the droplet', async () => {
    await put({ 'wsgi.py': '' });
    const withGunicorn = await compile('wsgi', { programs: ['python3', 'gunicorn'] });
    expect(withGunicorn.startCommand).toMatch(/exec gunicorn wsgi:application -b 0\.0\.0\.0:\$PORT$/);
    const without = await compile('wsgi', { programs: ['python3'] });
    expect(without.startCommand).toMatch(/exec python3 \.\.\/wsgi-runner\.py$/);
    expect(await readFile(join(dir.path, 'wsgi-runner.py'), 'utf8')).toContain('serve_forever');
  });

  test('requirements need pip', async () => {
    await put({ 'wsgi.py': '', 'requirements.txt': 'six\n' });
    await expect(compile('wsgi', { programs: ['python3'], code: 1 })).rejects.toThrow('has no pip');
    await compile('wsgi', { programs: ['python3'] });
    expect(ran.at(-1)).toContain('pip install --disable-pip-version-check --no-input --target ../python');
    await expect(compile('wsgi')).rejects.toThrow('has no python3');
  });
});

describe('ruby', () => {
  test('a Gemfile.lock needs bundler and starts with it', async () => {
    await put({ 'config.ru': '', 'Gemfile.lock': '' });
    await expect(compile('rack', { programs: ['ruby', 'rackup'] })).rejects.toThrow('has no bundler');
    const { startCommand } = await compile('rack', { programs: ['ruby', 'bundle'] });
    expect(startCommand).toBe('bundle exec rackup -E production -o 0.0.0.0 -p $PORT config.ru');
    expect(ran.at(-1)).toBe('bundle install --jobs 2');
  });

  test('the first file that requires sinatra is the main one, whatever its name', async () => {
    await put({ 'a.rb': 'puts 1', "my app's.rb": `require "sinatra"\n` });
    const { startCommand } = await compile('sinatra', { programs: ['ruby'] });
    expect(startCommand).toBe(String.raw`ruby './my app'\''s.rb' -p $PORT -o 0.0.0.0 -e production`);
    await expect(compile('sinatra')).rejects.toThrow('has no ruby');
  });
});

test('a Procfile gives its web command; something else is an error', async () => {
  const app = await put({ Procfile: 'web: bin/serve $PORT\nworker: x\n' });
  expect(await procfileCommand(new AppFiles(app))).toBe('bin/serve $PORT');
  await put({ Procfile: '- a\n' });
  await expect(procfileCommand(new AppFiles(app))).rejects.toThrow('Procfile');
});
