import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { randomInt } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { systemClock } from '@vcap/clock';
import { waitFor } from '@vcap/testkit';
import type { RuncWarden } from '../src/index.ts';
import { Bench, ask, openRunc, runcMissing, spawnIn } from './support/backends.ts';

/** More of them: WARDEN_CYCLES=200. */
const CYCLES = Number(process.env['WARDEN_CYCLES'] ?? 60);
const LANES = 4;
const OWNER_KILLS = 4;
const AT_ONCE = 50;
const OWNER = fileURLToPath(new URL('support/owner.ts', import.meta.url));

(runcMissing === undefined ? describe : describe.skip)('the runc back-end leaves nothing behind', () => {
  let bench: Bench<RuncWarden>;
  beforeAll(async () => {
    bench = await Bench.start(openRunc);
  });
  afterAll(() => bench.stop());

  /** A loop device goes a moment after the last that held its disk. */
  const nothingIsLeft = async (): Promise<void> => {
    await waitFor(async () => (await bench.warden.leftovers()).length === 0, { timeoutMs: 10_000 });
    expect(await bench.warden.leftovers()).toEqual([]);
  };

  test(`after ${CYCLES} containers that ended in every way`, async () => {
    let port = randomInt(20_000, 25_000);
    const cycle = async (): Promise<void> => {
      const container = await bench.warden.create({
        handle: `c-${randomInt(2 ** 40)}`,
        rootDir: await bench.rootDir(),
        memoryMb: 32,
        diskMb: 4,
        fds: 64,
        inodes: 100,
        ports: [(port += 1)],
      });
      const way = randomInt(6);
      if (way === 0) return; // never started, never destroyed
      const pid = await spawnIn(container, way === 1 ? 'exit 1' : 'sleep 1040 & sleep 1041');
      if (way === 2) return; // running, never destroyed
      if (way === 3) process.kill(pid, 'SIGKILL');
      if (way === 4) await container.stop(0);
      if (way === 5) void ask(container, 'sleep 1042').catch(() => undefined);
      await container.destroy({ keepFiles: way === 4 });
    };
    const lane = async (): Promise<void> => {
      for (let count = 0; count < CYCLES / LANES; count += 1) await cycle();
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    await bench.reopen();
    await bench.warden.destroyOrphans();
    await nothingIsLeft();
    expect(await sleepers()).toBe(0);
  }, 300_000);

  test('after its owner and the owner’s helpers were killed in the middle of their work', async () => {
    for (let round = 0; round < OWNER_KILLS; round += 1) {
      const owner = spawn(process.execPath, ['--conditions=source', OWNER, bench.dir.path, String(round)], {
        stdio: ['ignore', 'pipe', 'inherit'],
        detached: true, // a group of its own, with its helpers in it
      });
      await once(owner.stdout, 'data');
      await systemClock.sleep(randomInt(300));
      const target = owner.pid ?? 0;
      process.kill(round % 2 === 0 ? -target : target, 'SIGKILL');
      await once(owner, 'exit');
      const destroyed = await bench.warden.destroyOrphans();
      expect(destroyed.length).toBeGreaterThan(0);
      await nothingIsLeft();
    }
    expect(await sleepers()).toBe(0);
  }, 120_000);

  test(`while ${AT_ONCE} are made at once, which all serve`, async () => {
    const serve = (port: number): string =>
      `exec $NODE -e 'require("http").createServer((q, s) => s.end("${port}")).listen(${port})'`;
    // Below the ports that the kernel gives away, and a DEA's.
    const first = randomInt(26_000, 32_000);
    const ports = Array.from({ length: AT_ONCE }, (_, index) => first + index);
    await Promise.all(
      ports.map(async (port) => {
        const container = await bench.create({ ports: [port], diskMb: 16, memoryMb: 64 });
        await spawnIn(container, serve(port));
      }),
    );
    const get = async (port: number): Promise<string> => (await fetch(`http://127.0.0.1:${port}/`)).text();
    const answers = await Promise.all(ports.map((port) => waitFor(() => get(port), { timeoutMs: 60_000 })));
    expect(answers).toEqual(ports.map(String));
    await bench.clear();
    await nothingIsLeft();
  }, 180_000);

  test('of another owner’s on the same host', async () => {
    const other = await Bench.start(openRunc);
    const container = await other.run('sleep 1050');
    await bench.warden.destroyOrphans();
    expect((await container.measure()).pids).toBeGreaterThan(0);
    expect((await ask(container, 'echo alive')).text).toBe('alive\n');
    await other.stop();
  });
});

/** Processes of this file's that are still there. */
async function sleepers(): Promise<number> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = pids.map((pid) => readFile(join('/proc', pid, 'cmdline'), 'latin1').catch(() => ''));
  return (await Promise.all(lines)).filter((line) => /^sleep\W10[34]/.test(line)).length;
}
