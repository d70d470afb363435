import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Bus, routerRegister, routerStart, vcapComponentDiscover } from '@vcap/bus';
import type { ComponentAnnouncement } from '@vcap/bus';
import { systemClock } from '@vcap/clock';
import { silentLogger } from '@vcap/component';
import { startNats, startProcess, tempDir, waitFor } from '@vcap/testkit';
import type { NatsServer, RunningProcess, TempDir } from '@vcap/testkit';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { startBackend } from '../support/backend.ts';
import type { Backend } from '../support/backend.ts';
import { ask } from '../support/client.ts';

const program = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
let nats: NatsServer;
let dir: TempDir;
let bus: Bus;
let backend: Backend;
let router: RunningProcess | undefined;
beforeEach(async () => {
  [nats, dir] = await Promise.all([startNats(), tempDir('router-process')]);
  bus = new Bus({ servers: [nats.url], name: 'dea', log: silentLogger, clock: systemClock });
  await bus.start();
  backend = await startBackend((incoming, response) => {
    if (incoming.url !== '/hang') response.end('ok');
  });
});
afterEach(async () => {
  await router?.kill();
  await bus.stop();
  await backend.stop();
  await nats.stop();
  await dir.remove();
});

async function run(config: Record<string, unknown>, readyWhen?: string): Promise<RunningProcess> {
  const file = join(dir.path, 'router.yml');
  await writeFile(file, stringify({ mbus: nats.url, ip: '127.0.0.1', port: 0, ...config }));
  router = await startProcess({
    argv: [process.execPath, '--conditions=source', program, '--config', file],
    env: { ...process.env, NODE_OPTIONS: '' },
    ...(readyWhen === undefined ? {} : { readyWhen }),
  });
  return router;
}

test('the process serves what is registered, shows its figures, and leaves nothing out of its log at the end', async () => {
  const message = { host: '127.0.0.1', port: backend.port, uris: ['shop.test'], app: 'guid', tags: {} };
  bus.subscribe(routerStart, () => bus.publish(routerRegister, message));
  const accessLog = join(dir.path, 'access.log');
  const status = { user: 'me', password: 'secret-word' };
  const running = await run({ access_log: accessLog, status, drain: { timeout_seconds: 0.1 } }, '"ready"');
  const port = Number(/"event":"listening","port":(\d+)/.exec(running.output())?.[1]);
  await waitFor(async () => (await ask(port, { host: 'shop.test' })).status === 200);
  const [found] = await bus.request(vcapComponentDiscover, {}, { timeoutMs: 5000 });
  const { type, host } = found as ComponentAnnouncement;
  expect(type).toBe('Router');
  const authorization = `Basic ${Buffer.from('me:secret-word').toString('base64')}`;
  const varz = await (await fetch(`http://${host}/varz`, { headers: { authorization } })).json();
  expect(varz).toMatchObject({
    requests: expect.any(Number),
    rate: [expect.any(Number), expect.any(Number), expect.any(Number)],
    bad_requests: expect.any(Number),
    bad_gateways: 0,
    requests_per_sec: expect.any(Number),
    responses_2xx: 1,
    responses_3xx: 0,
    responses_4xx: expect.any(Number),
    responses_5xx: 0,
    responses_xxx: 0,
    latency: {
      50: expect.any(Number),
      99: expect.any(Number),
      value: expect.any(Number),
      samples: expect.any(Number),
    },
    urls: 1,
    droplets: 1,
    ms_since_last_registry_update: expect.any(Number),
    top10_app_requests: [{ application_id: 'guid', rps: 0, rpm: 1 }],
    tags: { component: {} },
    client_connections: 0,
    app_connections: 1,
    log_counts: { access_log_dropped: 0 },
    bus: { connected: true, published: expect.any(Number) },
  });
  const cut = ask(port, { host: 'shop.test', path: '/hang' }).then(
    () => 'answered',
    () => 'cut off',
  );
  await waitFor(() => backend.requests.some(({ url }) => url === '/hang'));
  running.signal('SIGTERM');
  expect(await running.exited).toBe(0);
  expect(await cut).toBe('cut off');
  const lines = (await readFile(accessLog, 'utf8')).trim().split('\n');
  expect(lines.at(-1)).toMatch(/^shop\.test - \[.*\] "GET \/hang HTTP\/1\.1" 499 0 0 /);
  expect(running.output()).not.toContain('secret-word');
}, 20_000);

test('a wrong configuration ends it with 1 and the key', async () => {
  const running = await run({ registry: { silence_seconds: 120 } });
  expect(await running.exited).toBe(1);
  expect(running.output()).toMatch(/registry\.silence_seconds: must be less than/);
});
