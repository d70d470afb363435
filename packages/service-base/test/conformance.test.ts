import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, startNats, startRedis } from '@vcap/testkit';
import type { NatsServer, RedisServer } from '@vcap/testkit';
import { serviceChecks } from '../src/index.ts';
import { echoService } from './support/echo.ts';

let nats: NatsServer | undefined;
let redis: RedisServer | undefined;
const none = 'nats://127.0.0.1:1';
const dirs: string[] = [];
beforeAll(async () => {
  [nats, redis] = await Promise.all([startNats(), startRedis()]);
});
afterAll(async () => {
  await nats?.stop();
  await redis?.stop();
  for (const dir of dirs) await rm(dir, { recursive: true, force: true });
});

async function service(): Promise<ReturnType<typeof echoService>> {
  const ports = [await freePort(), await freePort()] as const;
  const dir = mkdtempSync(join(tmpdir(), 'vcap-echo-'));
  dirs.push(dir);
  return echoService({ nats: nats?.url ?? none, redis: redis?.url ?? 'redis://127.0.0.1:1', dir, ports });
}

describe('the echo service keeps the contract', () => {
  const names = serviceChecks(echoService({ nats: none, redis: none, dir: '/nowhere', ports: [1, 2] })).map(
    ({ name }) => name,
  );
  const verify = async (name: string): Promise<void> => {
    const check = serviceChecks(await service()).find((each) => each.name === name);
    await check?.run();
  };
  it.each(names)(
    '%s',
    async (name) => {
      await verify(name);
      // Each starts, kills and waits for processes many times over.
    },
    180_000,
  );
});
