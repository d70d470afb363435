import { createHash } from 'node:crypto';
import { chmod, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { TestController } from './support/controller.ts';
import { folder } from './support/temp.ts';
import { formFields, unzip } from './support/unzip.ts';
import { testClock, vmc } from './support/vmc.ts';
import type { Outcome } from './support/vmc.ts';

let controller: TestController;
let home: string;
beforeEach(async () => {
  controller = await new TestController().start();
  home = await folder({
    '.vmc_target': controller.url,
    '.vmc_token': JSON.stringify({ [controller.url]: 'tok en' }),
  });
});
afterEach(() => controller.stop());

const run = (words: string[], cwd: string): Promise<Outcome> => vmc(words, { home, cwd });
const uploaded = () => {
  const call = controller.calls.find((entry) => entry.call.endsWith('/application'));
  return formFields(call?.body ?? Buffer.alloc(0), call?.headers['content-type'] ?? '');
};

test('push -n creates, uploads and starts, and tells the whole URL', async () => {
  const cwd = await folder({ 'server.js': '// hi', 'package.json': '{}' });
  const { port } = new URL(controller.url);
  const outcome = await run(['push', 'My-App', '-n'], cwd);
  expect(outcome).toMatchObject({ status: 0, err: '' });
  expect(outcome.out).toContain('Creating Application: OK\n');
  expect(outcome.out).toMatch(/Uploading \(.*\): OK\nPush Status: OK\nStaging Application 'My-App': OK\n/);
  expect(outcome.out.trimEnd().endsWith(`running at http://my-app.vcap.localhost:${port}`)).toBe(true);
  expect(controller.lines.slice(0, 6)).toEqual([
    'GET /info',
    'GET /apps/My-App',
    'POST /apps',
    'POST /apps/My-App/application',
    'GET /apps/My-App',
    'PUT /apps/My-App',
  ]);
  expect(controller.json('POST /apps')).toEqual({
    name: 'My-App',
    staging: { framework: 'node', runtime: null },
    uris: ['my-app.vcap.localhost'],
    instances: 1,
    resources: { memory: 256 },
  });
  expect(controller.json('PUT /apps/My-App')).toMatchObject({
    state: 'STARTED',
    services: [],
    meta: { version: 1 },
  });
  for (const { headers } of controller.calls)
    expect(headers).toMatchObject({ authorization: 'tok en', host: `api.vcap.localhost:${port}` });
});

test('the form has its fields in order, a known length, and modes in the zip', async () => {
  const cwd = await folder({ 'server.js': '// hi', 'bin/run me': '#!/bin/sh' });
  await chmod(join(cwd, 'bin/run me'), 0o755);
  await run(['push', 'app', '-n', '--no-start'], cwd);
  const fields = uploaded();
  expect(fields.map((field) => field.name)).toEqual(['_method', 'resources', 'application']);
  expect(fields[0]?.value.toString()).toBe('put');
  expect(JSON.parse(fields[1]?.value.toString() ?? '')).toEqual([]);
  const zip = await unzip(fields[2]?.value ?? Buffer.alloc(0));
  expect(zip['bin/run me']).toEqual({ mode: 0o100755, text: '#!/bin/sh' });
  const call = controller.calls.find((entry) => entry.call.endsWith('/application'));
  expect(Number(call?.headers['content-length'])).toBe(call?.body.length);
  expect(controller.apps.get('app')?.state).toBe('STOPPED');
});

test('files the target knows are not sent again', async () => {
  const big = 'x'.repeat(70_000);
  const sha1 = createHash('sha1').update(big).digest('hex');
  controller.pooled.add(sha1);
  const cwd = await folder({ 'server.js': '// small', 'public/big.txt': big });
  await chmod(join(cwd, 'public/big.txt'), 0o644);
  await run(['push', 'app', '-n', '--no-start'], cwd);
  const known = { fn: 'public/big.txt', sha1, size: 70_000, mode: 0o644 };
  expect(controller.json('POST /resources')).toEqual([known]);
  const [, resources, application] = uploaded();
  expect(JSON.parse(resources?.value.toString() ?? '')).toEqual([known]);
  expect(Object.keys(await unzip(application?.value ?? Buffer.alloc(0))).sort()).toEqual([
    'public/',
    'server.js',
  ]);
});

test('staging output is shown while the start is pending', async () => {
  const cwd = await folder({ 'server.js': '' });
  controller.stagingLog = { text: '', complete: false };
  let polls = 0;
  const staged = new Promise<undefined>((resolve) => {
    controller.onStagingLog = () => {
      polls += 1;
      if (polls === 1) controller.stagingLog = { text: 'installing\nhalf é', complete: false };
      if (polls === 2) controller.stagingLog = { text: 'installing\nhalf édone\n', complete: true };
      if (polls === 3) resolve(undefined);
    };
  });
  controller.staging = () => staged;
  const { out, status } = await run(['push', 'app', '-n'], cwd);
  expect(status).toBe(0);
  expect(out).toContain(
    "Staging Application 'app': \n  [staging] installing\n  [staging] half édone\nStaging Application 'app': OK\n",
  );
});

test('the log of an earlier staging is not shown', async () => {
  controller.add('app', { state: 'STOPPED' });
  controller.stagingLog = { text: 'long ago\n', complete: true };
  const { out, status } = await run(['start', 'app'], home);
  expect([status, out.includes('long ago')]).toEqual([0, false]);
});

describe('failures', () => {
  test('a refused staging shows its output, the error and what to do', async () => {
    controller.staging = async () => {
      controller.stagingLog = { text: 'npm ERR!\n', complete: true };
      return { code: 310, description: 'Staging failed: "npm"' };
    };
    const { status, out, err } = await run(['push', 'app', '-n'], await folder({ 'server.js': '' }));
    expect(status).toBe(1);
    expect(out).toContain('  [staging] npm ERR!\n');
    expect(err).toContain("Error 310: Staging failed: 'npm'\n");
    expect(err).toContain('vmc update APP');
  });

  test('a crash shows the last 20 lines of the crashed instance', async () => {
    controller.crash = true;
    const lines = Array.from({ length: 30 }, (_, index) => `line ${index + 1}`);
    controller.files['logs/stderr.log'] = `${lines.join('\n')}\n`;
    const { status, err } = await run(['push', 'app', '-n'], await folder({ 'server.js': '' }));
    expect(status).toBe(1);
    expect(err).toContain('line 11\n');
    expect(err).toContain('line 30\n');
    expect(err).not.toContain('line 10\n');
    expect(controller.lines).toContain('GET /apps/app/instances/c0ffee/files/logs/stderr.log');
  });

  test('a standalone application without a command ends at once and creates nothing', async () => {
    const { status, err } = await run(['push', 'app', '-n'], await folder({ 'run.py': '' }));
    expect([status, err]).toEqual([1, expect.stringMatching(/needs a start command\n.*--command/)]);
    expect(controller.lines).not.toContain('POST /apps');
  });

  test.each([
    [['--mem', '3G'], /Not enough memory: 3G needed/],
    [['--framework', 'java'], /no framework 'java'\nIt has: node, rack, standalone/],
    [['--path', 'nowhere'], /no folder/],
  ])('%j is refused before anything is created', async (flags, message) => {
    const { status, err } = await run(['push', 'app', '-n', ...flags], await folder({ 'server.js': '' }));
    expect([status, err]).toEqual([1, expect.stringMatching(message)]);
    expect(controller.lines).not.toContain('POST /apps');
  });

  test('a name that is taken points to update', async () => {
    controller.add('app');
    const { status, err } = await run(['push', 'app', '-n'], await folder({ 'server.js': '' }));
    expect([status, err]).toEqual([1, expect.stringMatching(/already exists\n.*vmc update app/)]);
  });
});

test('flags win over the manifest; command, env and urls are sent', async () => {
  const cwd = await folder({
    'run.py': '',
    'manifest.yml': 'applications:\n- name: job\n  command: python3 run.py\n  memory: 256M\n  env: {A: b}\n',
  });
  const { status } = await run(
    ['push', '-n', '--no-start', '--mem', '64M', '--instances', '2', '--url', 'a.x', '--url', 'http://b.x/'],
    cwd,
  );
  expect(status).toBe(0);
  expect(controller.json('POST /apps')).toEqual({
    name: 'job',
    staging: { framework: 'standalone', runtime: 'python3', command: 'python3 run.py' },
    uris: ['a.x', 'b.x'],
    instances: 2,
    resources: { memory: 64 },
    env: ['A=b'],
  });
});

test('push --json leaves one document on stdout', async () => {
  const { out, err } = await run(['push', 'app', '-n', '--json'], await folder({ 'server.js': '' }));
  expect(JSON.parse(out)).toMatchObject({
    name: 'app',
    state: 'STARTED',
    urls: [expect.stringContaining('http://app.')],
  });
  expect(err).toContain('Push Status: OK');
});

test('push asks what it needs', async () => {
  const cwd = await folder({ 'server.js': '' });
  const outcome = await vmc(['push', '--no-start'], {
    home,
    cwd,
    input: 'y\nasked\n\n\n256M\n3\n',
    clock: testClock(),
  });
  expect(outcome).toMatchObject({ status: 0 });
  expect(outcome.out).toContain('Detected a Node.js Application, is this correct? [Yn]');
  expect(controller.json('POST /apps')).toMatchObject({
    name: 'asked',
    uris: ['asked.vcap.localhost'],
    resources: { memory: 256 },
    instances: 3,
  });
});

test('update sends files and lets the target replace what runs', async () => {
  controller.add('app', { services: ['db'] });
  const { status } = await run(['update', 'app'], await folder({ 'server.js': '' }));
  expect(status).toBe(0);
  expect(controller.lines).toContain('PUT /apps/app/update');
  expect(controller.lines).not.toContain('PUT /apps/app');
});

test('a start that finds no room says what lacks, and that it is not given up', async () => {
  controller.add('app', { state: 'STOPPED', placement_error: 'no DEA has 512 MB of memory free' });
  const { status, err } = await run(['start', 'app'], await folder({}));
  expect([status, err]).toEqual([
    1,
    expect.stringMatching(/no place to run: no DEA has 512 MB of memory free\nIt starts by itself/),
  ]);
});

test('an update that the target took back says why', async () => {
  controller.add('app', { staging_error: 'the first new instance crashed when it started' });
  const { status, err } = await run(['update', 'app'], await folder({ 'server.js': '' }));
  expect([status, err]).toEqual([1, expect.stringMatching(/the first new instance crashed/)]);
});

describe('update of an application with a known package', () => {
  const big = 'x'.repeat(70_000);
  const same = { fn: 'same', sha1: createHash('sha1').update(big).digest('hex'), size: 70_000, mode: 0o644 };
  const gone = { fn: 'gone', sha1: 'a'.repeat(40), size: 1, mode: 0o644 };
  let cwd: string;
  beforeEach(async () => {
    controller.add('app', { state: 'STOPPED' });
    controller.packageFiles = { package: 'b'.repeat(40), resources: [gone, same] };
    cwd = await folder({ same: big, 'new.js': '// new' });
    await chmod(join(cwd, 'same'), 0o644);
  });

  test('sends what differs and names what is no longer there', async () => {
    expect((await run(['update', 'app'], cwd)).status).toBe(0);
    const fields = uploaded();
    expect(fields.map((field) => field.name)).toEqual(['_method', 'resources', 'base', 'application']);
    expect(fields[1]?.value.toString()).toBe('[]');
    expect(JSON.parse(fields[2]?.value.toString() ?? '')).toEqual({
      package: 'b'.repeat(40),
      without: ['gone'],
    });
    expect(Object.keys(await unzip(fields[3]?.value ?? Buffer.alloc(0)))).toEqual(['new.js']);
    expect(controller.lines).not.toContain('POST /resources');
  });

  test('sends a file again whose permissions changed', async () => {
    await chmod(join(cwd, 'same'), 0o755);
    await run(['update', 'app'], cwd);
    expect(uploaded().map((field) => field.name)).toEqual(['_method', 'resources', 'application']);
  });

  test('falls back to sending everything when the target refuses', async () => {
    controller.refuseUpload = true;
    expect((await run(['update', 'app'], cwd)).status).toBe(0);
    expect(controller.lines.filter((line) => line.endsWith('/application'))).toHaveLength(2);
    const last = controller.calls.findLast((entry) => entry.call.endsWith('/application'));
    const fields = formFields(last?.body ?? Buffer.alloc(0), last?.headers['content-type'] ?? '');
    expect(fields.map((field) => field.name)).toEqual(['_method', 'resources', 'application']);
  });
});

test('no packed files are left behind', async () => {
  const before = (await readdir(tmpdir())).filter((name) => /^vmc-\w{6}$/.test(name));
  await run(['push', 'app', '-n'], await folder({ 'server.js': '' }));
  expect((await readdir(tmpdir())).filter((name) => /^vmc-\w{6}$/.test(name))).toEqual(before);
});
