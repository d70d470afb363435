import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { systemClock } from '@vcap/clock';
import { tempDir } from '@vcap/testkit';
import { detectBackend } from '@vcap/warden';
import { answers, instancePids } from './processes.ts';
import { webApp, World } from './world.ts';

const dir = await tempDir('dea-runc');
const found = await detectBackend({ clock: systemClock, stateDir: join(dir.path, 'state') });
if (found.isolation === 'process') process.stderr.write(`skipped, as runc cannot be had: ${found.reason}\n`);
const describeRunc = found.isolation === 'runc' ? describe : describe.skip;
/** An address of this host that is not loopback. */
const hostAddress = Object.values(networkInterfaces())
  .flatMap((list) => list ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;

afterAll(() => dir.remove());

describeRunc('a DEA with containers', () => {
  let world: World;
  const servers: Server[] = [];

  beforeEach(async () => {
    world = await World.create('runc');
  });
  afterEach(async () => {
    for (const server of servers.splice(0)) server.close();
    await world.close();
  });

  /** Somebody who says a word to whoever connects. */
  async function listen(): Promise<number> {
    const server = createServer((socket) => socket.on('error', () => undefined).end('here\n'));
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
    return (server.address() as AddressInfo).port;
  }

  test('says which kind it is, and goes on after kill -9 with what runs, its log and its crashes', async () => {
    await world.startDea();
    expect(world.adverts.at(-1)?.isolation).toBe('runc');
    expect(world.dea?.output()).toContain('"isolation":"runc"');
    const { port } = await world.startWebApp();
    world.start('echo last words; exit 3', { uris: [], index: 1 });
    await world.seen(async () =>
      (await world.logText(1)).includes('crashed: app instance exited (status 3)'),
    );
    await world.seen(
      () =>
        world.beats
          .at(-1)
          ?.droplets.map(({ state }) => state)
          .join() === 'RUNNING,CRASHED',
    );
    await world.dea?.kill();
    expect(await answers(port)).toContain('shop');
    await world.startDea();
    await world.seen(
      () =>
        world.beats
          .at(-1)
          ?.droplets.map(({ state }) => state)
          .join() === 'RUNNING,CRASHED',
    );
    expect(await answers(port)).toContain('shop');
    expect(await world.logText(0)).toContain('dea: a restarted DEA goes on with this instance');
    expect(await world.logText(1)).toContain('stdout: last words');
  });

  test('passes every limit: memory with its reason, processes, descriptors, files', async () => {
    await world.startDea();
    world.start(`exec node -e 'const a = []; for (;;) a.push(Buffer.alloc(1e6, 1))'`, { uris: [] });
    const exit = await world.seen(() => world.exits[0]);
    expect(exit.exit_description).toBe('out of memory');
    const told = await world.seen(() =>
      world.beats.at(-1)?.droplets.find(({ state }) => state === 'CRASHED'),
    );
    expect(told.exit_description).toBe('out of memory (status 137)');
    const limits = { mem: 64, disk: 32, fds: 77, inodes: 500, pids: 33 };
    world.start(
      `ulimit -n; cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null;
       i=0; while : > f$i; do i=$((i+1)); done 2>/dev/null; ls | wc -l; exec sleep 60`,
      { uris: [], index: 1, limits },
    );
    const text = await world.seen(async () => {
      const told = await world.logText(1);
      return told.split('stdout').length > 2 && told;
    });
    expect(text).toContain('stdout: 77\n');
    const files = await world.seen(async () => /stdout: (\d{3,})\n/.exec(await world.logText(1))?.[1]);
    expect(Number(files)).toBeLessThan(500);
  });

  test('lets an application reach its bound service and what rules allow, not its neighbours on the host', async () => {
    if (hostAddress === undefined) throw new Error('this host has no address but loopback');
    await world.startDea();
    const [bound, allowed, closed] = [await listen(), await listen(), await listen()];
    const reach = (port: number): string =>
      `(exec 3<>/dev/tcp/${hostAddress}/${port} && head -1 <&3) 2>/dev/null || echo no`;
    world.start(
      `timeout 3 bash -c '${reach(bound)}'; timeout 3 bash -c '${reach(allowed)}';
       timeout 3 bash -c '${reach(closed)}' || echo no; echo done; exec sleep 60`,
      {
        uris: [],
        services: [
          { label: 'mysql-5.5', name: 'db', credentials: { hostname: hostAddress, port: bound } },
          { label: 'user-provided', name: 'mine', credentials: { hostname: hostAddress, port: closed } },
        ],
        egress_network_rules: [{ protocol: 'tcp', destination: hostAddress, ports: String(allowed) }],
      },
    );
    const text = await world.seen(async () => {
      const told = await world.logText();
      return told.includes('stdout: done') && told;
    });
    expect(text.split('\n').filter((line) => line.startsWith('stdout'))).toEqual([
      'stdout: here',
      'stdout: here',
      'stdout: no',
      'stdout: done',
    ]);
  });

  test('leaves no process behind when it is stopped', async () => {
    await world.startDea();
    world.start(webApp);
    await world.seen(() => world.registered[0]);
    expect(await world.dea?.stop(20_000)).toBe(0);
    expect(instancePids(world.dir)).toEqual([]);
  });
});
