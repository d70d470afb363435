import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { Bus, routerRegister, routerStart, routerUnregister } from '@vcap/bus';
import { systemClock } from '@vcap/clock';
import { silentLogger } from '@vcap/component';
import { startNats, tempDir, waitFor } from '@vcap/testkit';
import type { NatsServer } from '@vcap/testkit';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Pool } from 'undici';
import { stringify } from 'yaml';
import { sharedSocket } from '../../src/plane/listening.ts';
import { startBackend } from '../support/backend.ts';
import type { Backend } from '../support/backend.ts';
import { ask } from '../support/client.ts';
import { startRouterProcess } from '../support/router-process.ts';
import type { RouterProcess } from '../support/router-process.ts';

let nats: NatsServer;
let bus: Bus;
let backend: Backend;
let router: RouterProcess | undefined;
/** Routers of a test that failed half-way. */
const strays: ChildProcess[] = [];
const host = 'shop.test';
beforeAll(async () => {
  nats = await startNats();
  bus = new Bus({ servers: [nats.url], name: 'dea', log: silentLogger, clock: systemClock });
  await bus.start();
  backend = await startBackend((incoming, response) => {
    if (incoming.url === '/slow') setTimeout(() => response.end('slow'), 300);
    else incoming.pipe(response);
  });
  const message = { host: '127.0.0.1', port: backend.port, uris: [host], app: 'guid', tags: {} };
  bus.subscribe(routerStart, () => bus.publish(routerRegister, message));
});
afterEach(async () => {
  await router?.stop();
  for (const child of strays.splice(0)) child.kill('SIGKILL');
});
afterAll(async () => {
  await bus.stop();
  await backend.stop();
  await nats.stop();
});
const status = async (port: number): Promise<number> => (await ask(port, { host })).status;
/** All workers know the route: many connections in a row meet every one of them. */
const served = (port: number) =>
  waitFor(async () => {
    const all = await Promise.all(Array.from({ length: 20 }, () => status(port)));
    return all.every((each) => each === 200);
  });

test.each([['handles'], ['sockets']])(
  'workers share the port, learn and forget routes, and are replaced when they die (%s)',
  async (transport) => {
    router = await startRouterProcess(nats.url, { workers: 2, transport });
    const { port } = router;
    await served(port);
    const other = { host: '127.0.0.1', port: backend.port, uris: ['other.test'], app: 'guid', tags: {} };
    bus.publish(routerRegister, other);
    await waitFor(async () => (await ask(port, { host: 'other.test' })).status === 200);
    bus.publish(routerUnregister, other);
    await waitFor(async () => {
      const all = await Promise.all(Array.from({ length: 20 }, () => ask(port, { host: 'other.test' })));
      return all.every((each) => each.status === 503);
    });
    const pids = await workersOf(router.process.pid);
    expect(pids).toHaveLength(2);
    process.kill(pids[0]!, 'SIGKILL');
    await waitFor(async () => {
      const now = await workersOf(router!.process.pid);
      return now.length === 2 && !now.includes(pids[0]!);
    });
    await served(port);
    expect(router.process.output()).toMatch(/"event":"worker-died"/);
  },
);

async function workersOf(pid: number): Promise<number[]> {
  const { execFile } = await import('node:child_process');
  return new Promise((resolve) => {
    execFile('pgrep', ['-P', String(pid)], (_error, out) =>
      resolve(out.split('\n').filter(Boolean).map(Number)),
    );
  });
}

test('USR2 drains all workers: what runs ends well, the process exits 0', async () => {
  router = await startRouterProcess(nats.url, { workers: 2 });
  await served(router.port);
  const running = Array.from({ length: 10 }, () => ask(router!.port, { host, path: '/slow' }));
  await waitFor(() => backend.requests.filter(({ url }) => url === '/slow').length >= 10);
  router.process.signal('SIGUSR2');
  for (const each of running) expect((await each).body).toBe('slow');
  expect(await router.process.exited).toBe(0);
});

test('a new router on an inherited socket takes over under load: no request fails', async () => {
  const socket = sharedSocket('127.0.0.1', 0)!;
  const dir = await tempDir('router-takeover');
  const file = join(dir.path, 'router.yml');
  await writeFile(
    file,
    stringify({ mbus: nats.url, ip: '127.0.0.1', workers: 1, drain: { wait_seconds: 4 } }),
  );
  const program = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
  const start = async () => {
    const child = spawn(process.execPath, ['--conditions=source', program, '--config', file], {
      stdio: ['ignore', 'pipe', 'inherit', socket.fd],
      env: { ...process.env, NODE_OPTIONS: '', LISTEN_FDS: '1' },
    });
    strays.push(child);
    let output = '';
    child.stdout!.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await waitFor(() => output.includes('"ready"'), { timeoutMs: 25_000 });
    const exited = new Promise<number | null>((resolve) => {
      child.once('exit', resolve);
    });
    return { child, exited, port: Number(/"event":"listening","port":(\d+)/.exec(output)?.[1]) };
  };
  const old = await start();
  await served(old.port);
  const pool = new Pool(`http://127.0.0.1:${old.port}`, { connections: 8, pipelining: 1 });
  const failures: string[] = [];
  let count = 0;
  const load = { over: false };
  const visitors = Array.from({ length: 8 }, async () => {
    while (!load.over) {
      const one = pool
        .request({ path: '/', method: 'GET', headers: { host } })
        .then(async (answer) => {
          await answer.body.dump();
          if (answer.statusCode !== 200) failures.push(String(answer.statusCode));
        })
        .catch((error: Error) => failures.push(error.message));
      await one;
      count += 1;
    }
  });
  const young = await start();
  await served(young.port);
  old.child.kill('SIGUSR2');
  expect(await old.exited).toBe(0);
  const enough = count + 200;
  await waitFor(() => count > enough);
  load.over = true;
  await Promise.all(visitors);
  expect(young.port).toBe(old.port);
  expect(failures).toEqual([]);
  await pool.close();
  young.child.kill('SIGTERM');
  expect(await young.exited).toBe(0);
  socket.close();
  await dir.remove();
});
