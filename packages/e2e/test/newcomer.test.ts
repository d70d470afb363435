import { readdir, readlink } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { samplePath } from '@vcap/samples';
import type { SampleName } from '@vcap/samples';
import { waitFor } from '@vcap/testkit';
import { WebSocket } from 'ws';
import { Platform } from './support/platform.ts';

let platform: Platform;

beforeAll(async () => {
  platform = await Platform.create();
  await platform.start();
  await platform.login();
}, 120_000);
afterAll(() => platform.remove(), 90_000);

const push = (sample: SampleName, name: string, ...more: string[]): Promise<string> =>
  platform.ok('push', name, '--path', samplePath(sample), '-n', ...more);

describe('a newcomer', () => {
  test.each<SampleName>([
    'node-hello',
    'static-site',
    'wsgi',
    'rack',
    'sinatra',
    'odd-names',
    'ignores-term',
  ])(
    'pushes %s and reaches it',
    async (sample) => {
      await push(sample, sample);
      expect((await platform.up(sample)).status).toBe(200);
      await platform.ok('delete', sample, '-n');
      await waitFor(async () => (await platform.get(sample)).status !== 200, { timeoutMs: 20_000 });
    },
    120_000,
  );

  test('pushes a worker that has no URL', async () => {
    await push('worker', 'worker');
    expect(await platform.ok('apps')).toMatch(/worker.*RUNNING/);
    await platform.ok('delete', 'worker', '-n');
  }, 60_000);

  test('is told why an application crashed on its start', async () => {
    const { status, output } = await platform.vmc(
      'push',
      'crash',
      '--path',
      samplePath('crash-on-start'),
      '-n',
    );
    expect(status).toBe(1);
    expect(output).toMatch(/crash/i);
    await platform.ok('delete', 'crash', '-n');
  }, 60_000);

  test('talks over a WebSocket', async () => {
    await push('websocket-chat', 'chat');
    const socket = new WebSocket(`ws://127.0.0.1:${platform.port}/chat`, {
      headers: { host: `chat.${platform.domain}` },
    });
    await new Promise((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    const heard: string[] = [];
    socket.on('message', (data: Buffer) => heard.push(data.toString()));
    socket.send('hello there');
    await waitFor(() => heard.some((line) => line.includes('hello there')));
    socket.close();
    expect(heard.length).toBeGreaterThan(0);
    await platform.ok('delete', 'chat', '-n');
  }, 120_000);

  test('scales, looks, maps, changes the environment, updates', async () => {
    await push('node-hello', 'hello');
    await platform.ok('instances', 'hello', '3');
    await waitFor(async () => (await platform.ok('instances', 'hello')).match(/RUNNING/g)?.length === 3, {
      timeoutMs: 20_000,
    });
    expect(await platform.ok('stats', 'hello')).toMatch(/\b2\b/);
    await platform.ok('instances', 'hello', '1');
    await waitFor(async () => (await platform.ok('instances', 'hello')).match(/RUNNING/g)?.length === 1, {
      timeoutMs: 20_000,
    });
    expect(await platform.ok('files', 'hello')).toMatch(/app\/\s/);
    expect(await platform.ok('files', 'hello', 'logs')).toMatch(/stdout\.log/);
    await platform.ok('logs', 'hello');
    await platform.ok('map', 'hello', `other.${platform.domain}`);
    await platform.up('other');
    await platform.ok('unmap', 'hello', `other.${platform.domain}`);
    // The name is known for a while yet, but nobody serves it.
    await waitFor(async () => (await platform.get('other')).status !== 200, { timeoutMs: 10_000 });
    await platform.ok('env-add', 'hello', 'COLOUR=blue and "green"');
    expect(await platform.ok('env', 'hello')).toContain('COLOUR');
    await platform.ok('update', 'hello', '--path', samplePath('node-hello'));
    await platform.up('hello');
    expect(JSON.parse(await platform.ok('apps', '--json'))).toMatchObject([{ name: 'hello' }]);
  }, 120_000);

  test('sees an instance that was killed come back', async () => {
    // What the update replaced may still be at its grace.
    const own = await waitFor(async () => {
      const pids = await applicationPids(platform.home);
      return pids.length === 1 && pids[0];
    });
    const before = await platform.up('hello');
    process.kill(own, 'SIGKILL');
    const after = await waitFor(
      async () => {
        const answer = await platform.get('hello');
        return answer.status === 200 && answer.body !== before.body && answer;
      },
      { timeoutMs: 30_000 },
    );
    expect(after.body).toContain('hello');
    expect(await platform.ok('crashes', 'hello')).toMatch(/hello-1/);
  }, 60_000);

  test('finds the application again after Ctrl-C and a new start, and no process in between', async () => {
    await platform.stop();
    await waitFor(async () => (await platform.processes()).length === 0, { timeoutMs: 10_000 });
    expect(await platform.processes()).toEqual([]);
    await platform.start();
    expect((await platform.up('hello', 60_000)).status).toBe(200);
  }, 180_000);
});

/** Pids of Node processes that run in an instance's directory of this cluster. */
async function applicationPids(home: string): Promise<number[]> {
  const pids: number[] = [];
  for (const name of (await readdir('/proc')).filter((each) => /^\d+$/.test(each))) {
    const [cwd, program] = await Promise.all([
      readlink(`/proc/${name}/cwd`).catch(() => ''),
      readlink(`/proc/${name}/exe`).catch(() => ''),
    ]);
    if (cwd.startsWith(home) && cwd.endsWith('/app') && program.endsWith('/node')) pids.push(Number(name));
  }
  return pids;
}
