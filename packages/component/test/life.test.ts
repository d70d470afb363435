import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Bus, vcapComponentAnnounce, vcapComponentDiscover } from '@vcap/bus';
import type { ComponentAnnouncement } from '@vcap/bus';
import { systemClock } from '@vcap/clock';
import { startNats, startProcess, tempDir, waitFor } from '@vcap/testkit';
import type { NatsServer, RunningProcess, TempDir } from '@vcap/testkit';
import { stringify } from 'yaml';
import { silentLogger } from '../src/index.ts';

const program = fileURLToPath(new URL('support/echo.ts', import.meta.url));
let nats: NatsServer;
let dir: TempDir;
let bus: Bus;

beforeAll(async () => {
  nats = await startNats();
  dir = await tempDir('component-life-');
  bus = new Bus({ servers: [nats.url], name: 'collector', log: silentLogger, clock: systemClock });
  await bus.start();
});
afterAll(async () => {
  await bus.stop();
  await nats.stop();
  await dir.remove();
});

function run(config: Record<string, unknown>, readyWhen?: string): Promise<RunningProcess> {
  const file = join(dir.path, 'echo.yml');
  writeFileSync(file, stringify({ mbus: nats.url, index: 3, ...config }));
  return startProcess({
    argv: [process.execPath, '--conditions=source', program, '--config', file],
    env: { ...process.env, NODE_OPTIONS: '' },
    ...(readyWhen === undefined ? {} : { readyWhen }),
  });
}

describe('a component', () => {
  test('announces itself, answers discovery, shows its status to those with the password, and stops in order', async () => {
    const announced: ComponentAnnouncement[] = [];
    bus.subscribe(vcapComponentAnnounce, (message) => void announced.push(message));
    await bus.request(vcapComponentDiscover, {}, { timeoutMs: 10 });
    const pid = join(dir.path, 'echo.pid');
    const echo = await run({ pid, status: { user: 'me', password: 'secret-word' } }, '"ready"');
    expect(readFileSync(pid, 'utf8')).toBe(`${echo.pid}\n`);
    const [found] = await bus.request(vcapComponentDiscover, {}, { timeoutMs: 5000 });
    expect(found).toMatchObject({ type: 'Echo', index: 3, credentials: ['me', 'secret-word'] });
    expect(found?.uuid).toMatch(/^3-[0-9a-f]{32}$/);
    expect(found?.uptime).toMatch(/^\d+d:\d+h:\d+m:\d+s$/);
    await waitFor(() => announced.length === 1);

    const get = (path: string, user = 'me:secret-word'): Promise<Response> =>
      fetch(`http://${found?.host}${path}`, {
        headers: { authorization: `Basic ${Buffer.from(user).toString('base64')}` },
      });
    expect((await get('/varz', 'me:wrong')).status).toBe(401);
    expect(await (await get('/healthz')).text()).toBe('ok\n');
    const varz = (await (await get('/varz')).json()) as Record<string, unknown>;
    expect(varz).toMatchObject({ type: 'Echo', index: 3, answer: 42, bus: { connected: true } });
    expect(JSON.stringify(varz)).not.toContain('secret-word');
    expect(await (await get('/metrics')).text()).toContain('process_cpu');
    expect((await get('/other')).status).toBe(404);

    echo.signal('SIGTERM');
    expect(await echo.exited).toBe(0);
    expect(echo.output().indexOf('echo-drained')).toBeLessThan(echo.output().indexOf('echo-stopped'));
    expect(echo.output()).not.toContain('secret-word');
    expect(existsSync(pid)).toBe(false);
  }, 30_000);

  test('that fails to start ends with 1 and says which member failed', async () => {
    const echo = await run({ fail: true });
    expect(await echo.exited).toBe(1);
    expect(echo.output()).toContain('echo did not start: no echo here');
  }, 30_000);

  test.each([
    [{ bogus: 1 }, 'bogus'],
    [{ mbus: 'not a url' }, 'mbus'],
    [{ mbus: 'nats://192.0.2.9:4222', local_route: '127.0.0.1' }, 'Set local_route'],
  ])('with the configuration %j does not start and says why', async (config, why) => {
    const echo = await run(config);
    expect(await echo.exited).toBe(1);
    expect(echo.output()).toContain(why);
  });

  test('whose bus is not there waits, and still obeys TERM', async () => {
    const echo = await run({ mbus: 'nats://127.0.0.1:1' });
    await waitFor(() => echo.running);
    echo.signal('SIGTERM');
    expect(await echo.exited).not.toBe(1);
  }, 30_000);
});
