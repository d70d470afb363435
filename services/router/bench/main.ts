import { systemClock as clock } from '@vcap/clock';
import { tempDir } from '@vcap/testkit';
import { connect } from 'node:net';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { compare, rowText } from './compare.ts';
import type { Peer } from './compare.ts';
import { idleClientKb } from './idle-clients.ts';
import { startApplication, startProxy } from './nginx.ts';
import type { Nginx } from './nginx.ts';
import { registryLoad } from './registry.ts';
import { frame, startBenchRouter } from './router.ts';
import type { BenchRouter } from './router.ts';
import { median, missing, openFilesLimit, pins, residentKb, tree } from './tools.ts';
import { makePair, resumedMicros } from './tls.ts';
import { startEcho, tunnelMicros } from './tunnels.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    /** Parts to run, by name: bare, full, plane, close, tls, routes, tunnels, idle, registry. */
    only: { type: 'string' },
  },
});
const options = { rounds: Number(values.rounds), seconds: Number(values.seconds) };
const wanted = (part: string): boolean => values.only === undefined || values.only.split(',').includes(part);
const say = (text: string): void => void process.stdout.write(`${text}\n`);

const lacking = missing('nginx', 'wrk');
if (lacking.length > 0) {
  say(`The bench needs ${lacking.join(' and ')} (Debian: nginx-light, wrk), which is not here.`);
  process.exit(2);
}

const stops: (() => unknown)[] = [];
const keep = async <T extends { stop(): unknown }>(starting: Promise<T>): Promise<T> => {
  const started = await starting;
  stops.push(() => started.stop());
  return started;
};
const serve = async (router: BenchRouter, host: string, port: number): Promise<void> => {
  const message = {
    app: 'bench-app',
    host: '127.0.0.1',
    port,
    uris: [host],
    tags: {},
    private_instance_id: 'bench-instance',
  };
  await router.register([message]);
  for (let tries = 0; tries < 50; tries += 1) {
    const answer = await fetch(`http://127.0.0.1:${router.port}/`).catch(() => undefined);
    if (answer !== undefined && answer.status !== 404) return;
    await clock.sleep(100);
  }
};
type Server = Pick<Nginx, 'pid' | 'port'>;
const peer = (name: string, { pid, port }: Server, path: string): Peer => ({
  name,
  pid,
  url: `http://127.0.0.1:${port}${path}`,
});

/** A row of the table: the same requests to nginx and to the router. */
async function race(
  what: string,
  goal: string,
  nginx: Server,
  router: Server,
  asked: { path?: string; headers?: readonly string[] } = {},
): Promise<void> {
  const { path = '/', headers = [] } = asked;
  const peers = [peer('nginx', nginx, path), peer('router', router, path)] as const;
  say(rowText(await compare(what, goal, ...peers, { ...options, headers })));
}

/** Cookie, counters, histogram and access log. */
async function everythingOn(
  what: string,
  goal: string,
  application: Server,
  settings: Record<string, unknown>,
): Promise<void> {
  const nginx = await keep(startProxy(application.port, { accessLog: true }));
  const router = await keep(startBenchRouter({ accessLog: true, settings }));
  await serve(router, '127.0.0.1', application.port);
  await race(what, goal, nginx, router, { path: '/session' });
}

/** The same certificate, TLS 1.3: connections that are kept, new ones, and ones that take up a session. */
async function tlsRows(application: Server): Promise<void> {
  const directory = await tempDir('router-bench-tls');
  stops.push(() => directory.remove());
  const pair = makePair(directory.path);
  const nginx = await keep(startProxy(application.port, { accessLog: false, tls: pair }));
  const settings = { tls: { port: 0, certificates: directory.path } };
  const router = await keep(startBenchRouter({ accessLog: false, settings }));
  await serve(router, '127.0.0.1', application.port);
  const peers = [
    { name: 'nginx', pid: nginx.pid, url: `https://127.0.0.1:${nginx.port}/` },
    { name: 'router', pid: router.pid, url: `https://127.0.0.1:${router.tlsPort}/` },
  ] as const;
  say(rowText(await compare('TLS, kept connections', '1.2', ...peers, options)));
  const headers = ['Connection: close'];
  say(
    rowText(await compare('TLS, new connections', '1.2', ...peers, { ...options, headers, warmSeconds: 20 })),
  );
  const rounds: [number, number][] = [];
  let least = 1;
  for (let round = 0; round < options.rounds; round += 1) {
    const a = await resumedMicros({ pid: nginx.pid, tlsPort: nginx.port }, options.seconds);
    const b = await resumedMicros(router, options.seconds);
    rounds.push([a.micros, b.micros]);
    least = Math.min(least, a.resumed, b.resumed);
  }
  const ratio = median(rounds.map(([a, b]) => b / a)).toFixed(2);
  const micros = `${median(rounds.map(([, b]) => b)).toFixed(1)} / ${median(rounds.map(([a]) => a)).toFixed(1)} µs`;
  say(
    `| TLS, resumed connections | 1.2 | ${ratio} × | ${micros} | | | resumed: ${(least * 100).toFixed(0)} % |`,
  );
}

async function run(): Promise<void> {
  say(
    `${cpus().length} cores, Node ${process.version}, load ${loadavg()[0]?.toFixed(1)}, ${options.rounds} rounds of ${options.seconds} s, 64 connections${pins ? ', router or nginx alone on one core, wrk and the application on the other' : ''}\n`,
  );
  say('| what | goal | CPU per request | router / nginx | p50 | p99 | errors |');
  say('| --- | --- | --- | --- | --- | --- | --- |');
  const application = await keep(startApplication({ keepAlive: true }));
  if (wanted('full')) await everythingOn('100 B, everything on', '1.05', application, {});
  if (wanted('plane'))
    await everythingOn('100 B, everything on, nginx plane', '1.15', application, { dataplane: 'nginx' });
  const nginx = await keep(startProxy(application.port, { accessLog: false }));
  const router = await keep(startBenchRouter({ accessLog: false }));
  await serve(router, '127.0.0.1', application.port);
  if (wanted('bare')) {
    for (const [what, path, goal] of [
      ['100 B', '/', '1.08'],
      ['10 KB', '/10k', '1.15'],
      ['1 MB', '/1m', '1.08'],
    ] as const)
      await race(`${what}, bare`, goal, nginx, router, { path });
  }
  if (wanted('close')) {
    await race('client closes', '1.25', nginx, router, { headers: ['Connection: close'] });
    const closing = await keep(startApplication({ keepAlive: false }));
    const nginxClosing = await keep(startProxy(closing.port, { accessLog: false }));
    const routerClosing = await keep(startBenchRouter({ accessLog: false }));
    await serve(routerClosing, '127.0.0.1', closing.port);
    await race('backend closes', '1.25', nginxClosing, routerClosing);
  }
  if (wanted('tls')) await tlsRows(application);
  if (wanted('routes')) {
    const many = await keep(startBenchRouter({ accessLog: false }));
    const messages = Array.from({ length: 100_000 }, (_each, i) => ({
      app: `app-${i}`,
      host: `10.1.${(i >> 8) & 255}.${i & 255}`,
      port: 10_000 + (i >> 16),
      uris: [`a-${i}.example.test`],
      tags: {},
    }));
    for (let at = 0; at < messages.length; at += 5000) await many.register(messages.slice(at, at + 5000));
    await serve(many, '127.0.0.1', application.port);
    const socket = connect(many.nats.port, '127.0.0.1');
    socket.write('CONNECT {"verbose":false}\r\n');
    socket.resume();
    let next = 0;
    const flood = clock.setInterval(() => {
      let text = '';
      for (let i = 0; i < 100; i += 1) text += frame(messages[next++ % messages.length]!);
      socket.write(text);
    }, 20);
    const worker = workerOf(many.pid);
    const server = { pid: worker, port: many.port };
    await race('100,000 routes, 5,000 registrations/s (the worker)', '1.25', nginx, server);
    say(`| memory of that worker | 150 MB | ${(residentKb([worker]) / 1024).toFixed(0)} MB | | | | |`);
    flood.cancel();
    socket.destroy();
  }
  if (wanted('tunnels')) {
    const echo = await keep(startEcho());
    const nginxTunnels = await keep(startProxy(echo.port, { accessLog: false, upgrade: true }));
    const routerTunnels = await keep(startBenchRouter({ accessLog: false }));
    await serve(routerTunnels, '127.0.0.1', echo.port);
    const pairs: [number, number][] = [];
    for (let round = 0; round < options.rounds; round += 1)
      pairs.push([
        await tunnelMicros(nginxTunnels, options.seconds),
        await tunnelMicros(routerTunnels, options.seconds),
      ]);
    const ratio = median(pairs.map(([a, b]) => b / a));
    say(
      `| WebSocket message, there and back | 1.15 | ${ratio.toFixed(2)} × | ${median(pairs.map(([, b]) => b)).toFixed(1)} / ${median(pairs.map(([a]) => a)).toFixed(1)} µs | | | |`,
    );
  }
  if (wanted('idle')) {
    const idle = await keep(startBenchRouter({ accessLog: false }));
    await serve(idle, '127.0.0.1', application.port);
    const clients = Math.min(20_000, openFilesLimit() - 2000);
    say(
      `| an idle client of ${clients} | 4 KB | ${(await idleClientKb(idle, clients)).toFixed(1)} KB | | | | |`,
    );
  }
  if (wanted('registry')) {
    const figures = await registryLoad(250_000, 12_500, 20);
    say(`\n250,000 routes, 12,500 registrations a second: ${JSON.stringify(figures)}`);
  }
}

function workerOf(pid: number): number {
  return tree(pid).at(-1) ?? pid;
}

try {
  await run();
} finally {
  for (const stop of stops.toReversed()) await stop();
}
process.exit(0);
