import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { waitFor } from '@vcap/testkit';
import type { Container } from '../src/index.ts';
import { Bench, ask, openRunc, runcMissing, spawnIn } from './support/backends.ts';

const MB = 1024 * 1024;

(runcMissing === undefined ? describe : describe.skip)('the limits of a runc container', () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await Bench.start(openRunc);
  });
  afterEach(() => bench.clear());
  afterAll(() => bench.stop());

  test('hold a fork bomb', async () => {
    const container = await bench.create({ pids: 40 });
    await spawnIn(container, 'b() { b | b & }; b; sleep 1020');
    await waitFor(async () => (await container.measure()).pids >= 38);
    expect((await container.measure()).pids).toBeLessThanOrEqual(40);
    await container.stop(0);
    expect((await container.wait()).exitStatus).toBeGreaterThan(128);
  });

  test('hold memory, and bytes of files in memory', async () => {
    const container = await bench.create({ memoryMb: 48 });
    const eat = await ask(
      container,
      `$NODE -e 'const b = []; for (;;) b.push(Buffer.alloc(1e6, 1))'; echo $?`,
    );
    expect(eat.text).toMatch('137');
    expect((await container.measure()).oomKills).toBeGreaterThan(0);
    const roomy = await bench.create();
    const shm = await ask(
      roomy,
      'head -c 30000000 /dev/zero >/dev/shm/big 2>/dev/null; stat -c %s /dev/shm/big',
    );
    expect(Number(shm.text)).toBe(16 * MB);
  });

  test('hold the bytes of all that it can write together: home, /tmp, /var/tmp and logs', async () => {
    const container = await bench.create({ diskMb: 24 });
    await ask(container, 'head -c 8000000 /dev/zero >/tmp/a; head -c 8000000 /dev/zero >/var/tmp/b');
    const full = await ask(container, 'head -c 20000000 /dev/zero >c; echo status $?');
    expect(full.text).toMatch(/No space left on device[^]*status 1/);
    const { diskBytes } = await container.measure();
    expect(diskBytes).toBeGreaterThan(23 * MB);
    expect(diskBytes).toBeLessThanOrEqual(26 * MB);
  });

  test('hold a flood of output, and keep the status of one that ends on a full disk', async () => {
    const container = await bench.create({ diskMb: 8 });
    await spawnIn(container, 'head -c 30000000 /dev/zero; exit 9');
    expect((await container.wait()).exitStatus).toBe(9);
    let bytes = 0;
    for await (const { data } of container.output()) bytes += data.length;
    expect(bytes).toBeGreaterThan(7 * MB);
    expect(bytes).toBeLessThanOrEqual(10 * MB);
  });

  test('hold the number of files', async () => {
    const container = await bench.create({ inodes: 1000 });
    const { text } = await ask(container, 'touch $(seq 1 2000) 2>/dev/null; ls | wc -l; touch /tmp/one 2>&1');
    expect(Number(text.split('\n')[0])).toBeGreaterThan(900);
    expect(Number(text.split('\n')[0])).toBeLessThanOrEqual(1100);
    expect(text).toMatch('No space left');
  });

  test('hold open files', async () => {
    const container = await bench.create({ fds: 64 });
    const script = `$NODE -e 'const fs = require("fs"); let n = 0; try { for (;;) { fs.openSync("/dev/null"); n++ } } catch (e) { console.log(n < 64, e.code) }'`;
    expect((await ask(container, script)).text).toBe('true EMFILE\n');
    expect((await ask(container, 'ulimit -n 4096 2>&1 || echo refused')).text).toMatch('refused');
  });

  test('hold the processor where a hard limit is asked for', async () => {
    const container = await bench.create({ cpuCores: 0.2 });
    await spawnIn(container, 'while :; do :; done & while :; do :; done');
    const from = await container.measure();
    const at = performance.now();
    await waitFor(() => performance.now() - at > 1000);
    const used = (await container.measure()).cpuNanoseconds - from.cpuNanoseconds;
    expect(used / 1e6 / (performance.now() - at)).toBeLessThan(0.3);
  });

  test('show figures that agree with /proc', async () => {
    const container = await bench.create({ memoryMb: 200 });
    const hold = `const b = Buffer.alloc(6e7, 1); for (let u; !u || u.user + u.system < 3e5; u = process.cpuUsage()); console.log("up"); setInterval(() => b, 1e3)`;
    await spawnIn(container, `exec $NODE -e '${hold}'`);
    const { rootDir } = container.snapshot().spec;
    await waitFor(async () => (await readFile(join(rootDir, 'logs/out'), 'utf8')).includes('up'), {
      timeoutMs: 30_000,
    });
    const info = await container.measure();
    const seen = await processesOf(container);
    expect(info.memBytes).toBeGreaterThan(6e7);
    expect(info.memBytes).toBeLessThan(seen.residentBytes * 1.2);
    expect(info.pids).toBe(seen.threads);
    expect(info.cpuNanoseconds / 1e9).toBeGreaterThan(0.29);
    expect(Math.abs(info.cpuNanoseconds / 1e9 - seen.cpuSeconds)).toBeLessThan(0.2);
  });
});

/** What /proc says of the processes that have the container's user. */
async function processesOf(container: Container) {
  const uidOf = async (pid: string): Promise<string | undefined> =>
    /^Uid:\t(\d+)/m.exec(await readFile(`/proc/${pid}/status`, 'utf8').catch(() => ''))?.[1];
  const uid = await uidOf(String(container.snapshot().process?.pid));
  const total = { residentBytes: 0, threads: 0, cpuSeconds: 0 };
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid) || (await uidOf(pid)) !== uid) continue;
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const stat = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
    total.residentBytes += Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1024;
    total.threads += Number(/^Threads:\s+(\d+)/m.exec(status)?.[1]);
    total.cpuSeconds += (Number(stat[11]) + Number(stat[12])) / 100;
  }
  return total;
}
