import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { waitFor } from '@vcap/testkit';
import type { Container, RuncWarden } from '../src/index.ts';
import { Bench, NODE, ask, openRunc, runcMissing, spawnIn } from './support/backends.ts';
import { OtherHost } from './support/other-host.ts';

const SERVE = `const [, port, text] = process.argv; require('http').createServer((q, s) => s.end(text + ' ' +
  q.socket.remoteAddress.replace('::ffff:', ''))).listen(port, () => console.log('up'))`;
const serve = (port: number, text: string): string => `exec $NODE -e "${SERVE}" ${port} ${text}`;

(runcMissing === undefined ? describe : describe.skip)('the network of a runc container', () => {
  let bench: Bench<RuncWarden>;
  let other: OtherHost;
  let port = 61_500;
  const servers: Server[] = [];
  /** Something of the host's, as the bus: its port. */
  const listen = async (): Promise<number> => {
    const server = createServer().listen(0, '0.0.0.0');
    servers.push(server);
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };

  beforeAll(async () => {
    bench = await Bench.start(openRunc);
    other = await OtherHost.start('198.51.100');
    await other.addAddress('169.254.169.254');
    await other.addAddress('10.77.0.1');
    await other.serve([NODE, '-e', SERVE, '80', 'internet']);
  });
  afterEach(async () => {
    for (const server of servers.splice(0)) server.close();
    await bench.clear();
  });
  afterAll(async () => {
    try {
      await bench.stop();
    } finally {
      await other.stop();
    }
  });

  const served = async (
    limits: Parameters<typeof bench.create>[0] = {},
  ): Promise<Container & { port: number }> => {
    port += 1;
    const container = await bench.create({ ports: [port], ...limits });
    await spawnIn(container, serve(port, container.handle));
    return Object.assign(container, { port });
  };
  const get = async (host: string, to: number): Promise<string> =>
    (await fetch(`http://${host}:${to}/`, { signal: AbortSignal.timeout(3000) })).text();
  /** A connection tried from the container: what it got, or the error's name. */
  const connect = async (container: Container, host: string, to: number): Promise<string> => {
    const script = `const s = require('net').connect(${to}, '${host}', () => { console.log('connected'); s.destroy(); });
      s.setTimeout(2000, () => { console.log('silence'); s.destroy(); }); s.on('error', (e) => console.log(e.code))`;
    return (await ask(container, `$NODE -e "${script}"`)).text.trim();
  };
  const hostAddress = (): string =>
    Object.values(networkInterfaces())
      .flat()
      .find((each) => each?.family === 'IPv4' && !each.internal && !each.address.startsWith('10.254.'))
      ?.address ?? '';

  test('is reached at its port of this host by every address, and from other hosts, and at no other port', async () => {
    const container = await served();
    expect(await waitFor(() => get('127.0.0.1', container.port))).toMatch(container.handle);
    expect(await get(hostAddress(), container.port)).toMatch(container.handle);
    // The other host is seen as itself, not as this one.
    const asked = await other.ask([
      NODE,
      '-e',
      `fetch('http://${other.gateway}:${container.port}/').then(async (r) => console.log(await r.text()))`,
    ]);
    expect(asked.trim()).toBe(`${container.handle} ${other.address}`);
    const { address = '' } = container.info();
    await ask(container, `$NODE -e "${SERVE}" 8000 hidden >/dev/null 2>&1 & sleep 0.5`);
    expect(await connect(container, address, 8000)).toBe('connected');
    await expect(get(address, 8000)).rejects.toThrow('fetch failed');
    await expect(get('127.0.0.1', 8000)).rejects.toThrow('fetch failed');
  });

  test('does not reach the host, whatever address it tries', async () => {
    const busPort = await listen();
    const container = await bench.create();
    const gateway = (container.info().address ?? '').replace(/\d+$/, (last) => String(Number(last) - 1));
    for (const host of [hostAddress(), gateway, other.gateway, '127.0.0.1'])
      expect(await connect(container, host, busPort)).toBe('ECONNREFUSED');
  });

  test('does not reach its neighbours, by their address or by their port of the host', async () => {
    const neighbour = await served();
    const container = await bench.create();
    await waitFor(() => get('127.0.0.1', neighbour.port));
    expect(await connect(container, neighbour.info().address ?? '', neighbour.port)).toBe('ECONNREFUSED');
    expect(await connect(container, hostAddress(), neighbour.port)).toBe('ECONNREFUSED');
  });

  test('reaches the internet, but neither private networks nor the metadata address', async () => {
    const container = await bench.create();
    expect(await connect(container, other.address, 80)).toBe('connected');
    expect(await connect(container, '10.77.0.1', 80)).toBe('ECONNREFUSED');
    expect(await connect(container, '169.254.169.254', 80)).toBe('ECONNREFUSED');
  });

  test('reaches what its egress rules allow, and its neighbour does not', async () => {
    const busPort = await listen();
    const egress = [
      { protocol: 'tcp' as const, destination: '10.77.0.0/24', ports: '80' },
      { protocol: 'tcp' as const, destination: hostAddress(), ports: String(busPort) },
    ];
    const [container, neighbour] = [await bench.create({ egress }), await bench.create()];
    expect(await connect(container, '10.77.0.1', 80)).toBe('connected');
    expect(await connect(container, '10.77.0.1', 81)).toBe('ECONNREFUSED');
    expect(await connect(container, hostAddress(), busPort)).toBe('connected');
    expect(await connect(neighbour, '10.77.0.1', 80)).toBe('ECONNREFUSED');
  });

  test('does not reach a neighbour by a rule that covers its address', async () => {
    const neighbour = await served();
    await waitFor(() => get('127.0.0.1', neighbour.port));
    const container = await bench.create({ egress: [{ protocol: 'all', destination: '0.0.0.0/0' }] });
    expect(await connect(container, '169.254.169.254', 80)).toBe('connected');
    expect(await connect(container, neighbour.info().address ?? '', neighbour.port)).toBe('ECONNREFUSED');
  });

  test('gets no port that another container has, and no malformed rule', async () => {
    const container = await served();
    await expect(bench.create({ ports: [container.port] })).rejects.toThrow('belongs to another');
    const destination = '1.2.3.4; flush ruleset';
    await expect(bench.create({ egress: [{ protocol: 'tcp', destination }] })).rejects.toThrow('egress rule');
    expect(await bench.warden.leftovers()).toEqual([]);
  });

  test('keeps to its bandwidth', async () => {
    const container = await bench.create({ bandwidth: { bytesPerSecond: 500_000, burstBytes: 20_000 } });
    const script = `const t = Date.now(); let n = 0; require('http').get('http://${other.address}:81/', (r) => {
      r.on('data', (d) => { n += d.length; }); r.on('end', () => console.log(n / (Date.now() - t) * 1000)); })`;
    await other.serve([
      NODE,
      '-e',
      `require('http').createServer((q, s) => s.end(Buffer.alloc(400000))).listen(81, () => console.log('up'))`,
    ]);
    const bytesPerSecond = Number((await ask(container, `$NODE -e "${script}"`)).text);
    expect(bytesPerSecond).toBeGreaterThan(100_000);
    expect(bytesPerSecond).toBeLessThan(700_000);
  });

  test('serves on after its warden was replaced by another', async () => {
    const container = await served();
    await waitFor(() => get('127.0.0.1', container.port));
    const second = await bench.reopen();
    expect(await get('127.0.0.1', container.port)).toMatch(container.handle);
    bench.keep((await second.adopt(container.snapshot())) as Container);
    await second.destroyOrphans();
    expect(await get('127.0.0.1', container.port)).toMatch(container.handle);
    expect((await readFile('/proc/sys/net/ipv4/ip_forward', 'utf8')).trim()).toBe('1');
  });
});
