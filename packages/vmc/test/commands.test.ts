import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parseListing } from '../src/commands/logs.ts';
import { TestController } from './support/controller.ts';
import { folder } from './support/temp.ts';
import { testClock, vmc } from './support/vmc.ts';

let controller: TestController;
let home: string;
beforeEach(async () => {
  controller = await new TestController().start();
  home = await folder({
    '.vmc_target': controller.url,
    '.vmc_token': JSON.stringify({ [controller.url]: 'token' }),
  });
});
afterEach(() => controller.stop());

const run = (...words: string[]) => vmc(words, { home });
const put = () => controller.json('PUT /apps/app');

test.each([
  ['instances app -1', { instances: 2 }],
  ['instances app +2', { instances: 5 }],
  ['scale app 1', { instances: 1 }],
  ['map app http://Other.x/', { uris: ['app.vcap.localhost', 'other.x'] }],
  ['unmap app app.vcap.localhost', { uris: [] }],
  ['env-add app B=2=3', { env: ['A=1', 'B=2=3'] }],
  ['env-add app A 9', { env: ['A=9'] }],
  ['env-del app A', { env: [] }],
  ['mem app 256M', { resources: { memory: 256, disk: 2048, fds: 256 } }],
])('%s writes the whole document back', async (line, change) => {
  controller.add('app', { instances: 3, env: ['A=1'], services: ['db'], state: 'STOPPED' });
  expect(await run(...line.split(' '))).toMatchObject({ status: 0, err: '' });
  expect(put()).toMatchObject({ name: 'app', services: ['db'], meta: { version: 1 }, ...change });
});

test('a running application is restarted for a variable, not for its number of instances', async () => {
  controller.add('app');
  await run('instances', 'app', '+1');
  expect(controller.lines.filter((line) => line.startsWith('PUT'))).toHaveLength(1);
  await run('env-add', 'app', 'A=1');
  expect(controller.lines.filter((line) => line.startsWith('PUT'))).toHaveLength(4);
});

test.each([
  ['apps', [{ name: 'app', state: 'STARTED' }]],
  ['info', { user: 'ann@x.com' }],
  ['user', { user: 'ann@x.com' }],
  ['target', { target: expect.stringContaining('http') }],
  ['targets', [{ current: true }]],
  ['frameworks', { node: {} }],
  ['runtimes', {}],
  ['services', { system: [], provisioned: [] }],
  ['instances app', [{ index: 0, state: 'RUNNING' }]],
  ['stats app', { 0: { state: 'RUNNING' } }],
  ['crashes app', []],
  ['env app', { A: '1' }],
  ['mem app', { memory: 128 }],
  ['aliases', {}],
  ['version', { version: expect.any(String) }],
  ['files app logs/stdout.log', { 0: 'hello\n' }],
  ['logs app', { 0: { 'logs/stdout.log': 'hello\n' } }],
])('%s --json is one document', async (line, expected) => {
  controller.add('app', { env: ['A=1'] });
  controller.files['logs/'] = `${'stdout.log'.padEnd(35)}${'6B'.padStart(10)}\n`;
  controller.files['logs/stdout.log'] = 'hello\n';
  const outcome = await run(...line.split(' '), '--json');
  expect(outcome).toMatchObject({ status: 0, err: '' });
  expect(JSON.parse(outcome.out)).toMatchObject(expected);
});

test('tables', async () => {
  controller.add('app', { services: ['db'] });
  expect((await run('apps')).out).toBe(
    [
      '+-------------+---+---------+--------------------+----------+',
      '| Application | # | Health  | URLS               | Services |',
      '+-------------+---+---------+--------------------+----------+',
      '| app         | 1 | RUNNING | app.vcap.localhost | db       |',
      '+-------------+---+---------+--------------------+----------+',
      '',
    ].join('\n'),
  );
  expect((await run('stats', 'app')).out).toContain(
    '| 0        | 1.5% (2)    | 19.5M (128.0M) | 4.0K (2.0G)  | 1d:2h:3m:4s |',
  );
});

test.each([
  ['runc', 'Isolation: containers (runc)'],
  ['process', 'Isolation: NONE: applications are plain processes and can harm each other'],
  ['vm', 'Isolation: vm'],
])('info says how far applications are kept apart: %s', async (isolation, line) => {
  controller.isolation = isolation;
  expect((await run('info')).out).toContain(line);
});

test('info of a target that does not tell says nothing of isolation', async () => {
  expect((await run('info')).out).not.toContain('Isolation');
});

describe('accounts', () => {
  test('login stores the token; the password comes from the environment', async () => {
    const outcome = await vmc(['login', 'bob+1@x.com', '-n'], { home, env: { VMC_PASSWORD: 'sesame' } });
    expect(outcome).toMatchObject({ status: 0 });
    expect(controller.lines).toEqual(['POST /users/bob%2B1%40x.com/tokens']);
    await run('apps');
    expect(controller.calls.at(-1)?.headers.authorization).toBe('token-of-bob+1@x.com');
  });

  test('a typed password may be wrong twice', async () => {
    const good = await vmc(['login', 'bob@x.com'], { home, input: 'a\nb\nsesame\n' });
    expect(good.status).toBe(0);
    const bad = await vmc(['login', 'bob@x.com'], { home, input: 'a\nb\nc\nsesame\n' });
    expect([bad.status, bad.err]).toEqual([1, expect.stringContaining('Login of bob@x.com')]);
  });

  test('a new account is logged in, and logout forgets it', async () => {
    await run('logout');
    const made = await vmc(['register', 'eve@x.com', '--passwd', 'sesame'], { home });
    expect(made.status).toBe(0);
    expect(controller.json('POST /users')).toEqual({ email: 'eve@x.com', password: 'sesame' });
    expect((await run('apps')).status).toBe(0);
    await run('logout');
    const out = await run('apps');
    expect([out.status, out.err]).toEqual([1, expect.stringMatching(/Login required.*\nLog in with/)]);
  });

  test('-u acts as another user, and a trace hides secrets', async () => {
    const outcome = await vmc(['login', 'x@x.com', '--passwd', 'sesame', '-t', '-u', 'ann@x.com'], { home });
    expect(controller.calls[0]?.headers).toMatchObject({ 'proxy-user': 'ann@x.com', 'x-vcap-trace': '22' });
    expect(outcome.err).toContain('>>> POST /users/x%40x.com/tokens');
    expect(outcome.err + outcome.out).not.toMatch(/sesame|Authorization: token/);
  });
});

test('delete --all deletes each application', async () => {
  controller.add('one');
  controller.add('two', { services: ['db'] });
  expect((await run('delete', '--all', '-n')).status).toBe(0);
  expect(controller.lines.filter((line) => line.startsWith('DELETE'))).toEqual([
    'DELETE /apps/one',
    'DELETE /apps/two',
  ]);
});

test('errors say what is wrong and what to do', async () => {
  const missing = await run('start', 'nope');
  expect(missing.status).toBe(1);
  expect(missing.err).toMatch(/^Error 301: Application not found\nSee your applications/);
  expect(await run('nope')).toMatchObject({ status: 2, err: "Unknown command 'nope'\nSee `vmc help`.\n" });
  expect((await run('start', 'a', 'b')).status).toBe(2);
  expect((await run('stats')).status).toBe(2);
  await controller.stop();
  const down = await run('apps');
  expect(down.status).toBe(1);
  expect(down.err).toContain(`Cannot reach the target ${controller.url}: connection refused`);
  expect(down.err).toContain('npm start');
  controller = await new TestController().start();
});

test('logs --follow shows what is added, and starts again with a new instance', async () => {
  controller.add('app');
  controller.files['logs/stdout.log'] = 'one\ntw';
  const stop = new AbortController();
  const seen: string[] = [];
  const next: Record<string, () => void> = {
    'one\n': () => (controller.files['logs/stdout.log'] = 'one\ntwo\n'),
    'one\ntwo\n': () => (controller.files['logs/stdout.log'] = 'new\n'),
    'one\ntwo\nnew\n': () => stop.abort(),
  };
  const outcome = await vmc(['logs', 'app', '--follow'], {
    home,
    clock: testClock(),
    signal: stop.signal,
    onOut: (all) => {
      seen.push(all);
      next[all]?.();
    },
  });
  expect(outcome).toMatchObject({ status: 0, out: 'one\ntwo\nnew\n' });
  expect(controller.calls.some((entry) => entry.headers.range === 'bytes=6-')).toBe(true);
});

test('crash names are remembered for crashlogs', async () => {
  controller.add('app');
  controller.crash = true;
  controller.files['logs/'] = 'stderr.log                                4B\n';
  controller.files['logs/stderr.log'] = 'oops';
  expect((await run('crashes', 'app')).out).toMatch(/\| app-1 \| c0ffee .*\| out of memory \|/);
  expect((await run('crashlogs', 'app', '--instance', 'app-1')).out).toContain('oops');
  expect(controller.lines).toContain('GET /apps/app/instances/c0ffee/files/logs/stderr.log');
});

test('listings with blanks and directories', () => {
  expect(parseListing('a b.log                     1.5K\nsub/                  -\n\n')).toEqual([
    { name: 'a b.log', directory: false },
    { name: 'sub/', directory: true },
  ]);
});
