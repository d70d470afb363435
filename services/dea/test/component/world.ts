import { execFileSync } from 'node:child_process';
import { createHash, randomInt } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import {
  Bus,
  deaAdvertise,
  deaFindDroplet,
  deaHeartbeat,
  deaInstanceStart,
  deaShutdown,
  dropletExited,
  fromTraceparent,
  routerRegister,
  routerUnregister,
} from '@vcap/bus';
import type {
  DeaAdvertise,
  DropletExited,
  FindDropletReply,
  Heartbeat,
  RouterRegister,
  StartMessage,
  Subject,
  Trace,
} from '@vcap/bus';
import { systemClock } from '@vcap/clock';
import { silentLogger } from '@vcap/component';
import { startNats, startProcess, tempDir, waitFor } from '@vcap/testkit';
import type { RunningProcess } from '@vcap/testkit';
import { openWarden } from '@vcap/warden';
import type { Isolation } from '@vcap/warden';
import { request } from 'undici';
import { stringify } from 'yaml';
import { startMessage } from '../fixtures.ts';
import { MARK } from './processes.ts';

const main = new URL('../../src/main.ts', import.meta.url).pathname;

/** A web application in one line; it says its address and answers every request. */
export const webApp = `exec node -e 'console.log("up"); require("http").createServer((q,s)=>s.end(process.env.VCAP_APPLICATION)).listen(process.env.PORT)'`;

/** The back-end that a suite runs on where it does not say. */
const DEFAULT_ISOLATION = process.env['DEA_TEST_ISOLATION'] === 'runc' ? 'runc' : 'process';

/** Removes what is left of a DEA's containers: crashed instances outlive it, and all of them one that was killed. */
async function sweep(stateDir: string, backend: Isolation): Promise<void> {
  const { warden } = await openWarden({ clock: systemClock, stateDir, backend });
  await warden.destroyOrphans();
  warden.close();
}

/** One line of a log stream. */
export interface LogLine {
  seq: number;
  time: number;
  instance: string;
  index: number;
  source: string;
  text: string;
  dropped?: number;
}
export interface LogPage {
  status: number;
  lines: LogLine[];
  next: number;
  ended: boolean;
}

/** A real bus, a droplet server and a DEA process, and ears for what the DEA says. */
export class World {
  readonly adverts: DeaAdvertise[] = [];
  readonly beats: Heartbeat[] = [];
  readonly exits: DropletExited[] = [];
  readonly registered: RouterRegister[] = [];
  readonly unregistered: RouterRegister[] = [];
  readonly shutdowns: string[] = [];
  /** Trace ids of what came on a subject, and of what asked the droplet server. */
  readonly traces = new Map<string, string[]>();
  readonly natsUrl: string;
  readonly bus: Bus;
  dir = '';
  dropletUri = '';
  sha1 = '';
  /** The one that was started last. */
  dea: RunningProcess | undefined;
  private readonly deas: RunningProcess[] = [];
  private readonly names = new Set<string>();
  private readonly cleanups: (() => Promise<unknown> | void)[] = [];

  readonly isolation: Isolation;

  private constructor(natsUrl: string, isolation: Isolation) {
    this.natsUrl = natsUrl;
    this.isolation = isolation;
    this.bus = new Bus({ servers: [natsUrl], name: 'test', log: silentLogger, clock: systemClock });
  }

  static async create(isolation: Isolation = DEFAULT_ISOLATION): Promise<World> {
    const nats = await startNats();
    const world = new World(nats.url, isolation);
    const dir = await tempDir('dea');
    world.dir = dir.path;
    world.cleanups.push(
      () => dir.remove(),
      () => nats.stop(),
    );
    await world.bus.start();
    world.cleanups.push(() => world.bus.stop());
    await world.serveDroplet();
    world.bus.subscribe(deaAdvertise, (message) => void world.adverts.push(message));
    world.hear(deaHeartbeat, world.beats);
    world.hear(dropletExited, world.exits);
    world.hear(routerRegister, world.registered);
    world.hear(routerUnregister, world.unregistered);
    world.bus.subscribe(deaShutdown, ({ id }) => void world.shutdowns.push(id));
    return world;
  }

  async close(graceMs = 10_000): Promise<void> {
    await Promise.all(this.deas.map((dea) => dea.stop(graceMs)));
    for (const name of this.names) await sweep(join(this.dir, name, 'warden'), this.isolation);
    for (const cleanup of this.cleanups.toReversed()) await cleanup();
  }

  /** Starts a DEA whose files are in a directory of that name, and waits for its first advertisement. Gives its id. */
  async startDea(settings: Record<string, unknown> = {}, name = 'base'): Promise<string> {
    this.names.add(name);
    const config = join(this.dir, `${name}.yml`);
    // Below the ports that the kernel gives away: none of those may come between the DEA's look and the application.
    const first = randomInt(20_000, 32_700);
    const value = {
      mbus: this.natsUrl,
      local_route: '127.0.0.1',
      base_dir: join(this.dir, name),
      resources: { memory_mb: 1024, disk_mb: 1024 },
      port_range: { first, last: first + 50 },
      intervals: { heartbeat: 0.2, advertise: 0.2 },
      runtimes: { node: { executable: process.execPath } },
      isolation: this.isolation,
      ...settings,
    };
    writeFileSync(config, stringify(value));
    const known = new Set(this.deas.filter(({ running }) => running).length > 0 ? this.deaIds() : []);
    this.adverts.length = 0;
    const node = [process.execPath, '--conditions=source', '--disable-warning=ExperimentalWarning'] as const;
    this.dea = await startProcess({
      argv: [...node, main, '--config', config],
      readyWhen: '"event":"ready"',
      readyTimeoutMs: 40_000,
    });
    this.deas.push(this.dea);
    return (await this.seen(() => this.adverts.findLast(({ id }) => !known.has(id)))).id;
  }

  private deaIds(): string[] {
    return this.adverts.map(({ id }) => id);
  }

  /** Lines that the DEA logged with this trace, by their events. */
  loggedFor({ traceId }: Trace): string[] {
    const lines = (this.dea?.output() ?? '').split('\n').filter((line) => line.startsWith('{'));
    return lines
      .map((line) => JSON.parse(line) as { event: string; trace_id?: string })
      .filter(({ trace_id }) => trace_id === traceId)
      .map(({ event }) => event);
  }

  get deaId(): string {
    return this.adverts.at(-1)?.id ?? '';
  }

  start(command: string, change: Partial<StartMessage> = {}, trace?: Trace, deaId = this.deaId): void {
    const droplet = { sha1: this.sha1, executableUri: this.dropletUri, start_command: command };
    const env = [`${MARK}=${this.dir}#${deaId}`];
    this.bus.publish(deaInstanceStart.for(deaId), startMessage({ ...droplet, env, ...change }), trace);
  }

  /** Starts a web application and waits until the router was told of it. */
  async startWebApp(change: Partial<StartMessage> = {}): Promise<RouterRegister> {
    const index = this.registered.length;
    this.start(webApp, change);
    return this.seen(() => this.registered[index]);
  }

  find(filter: Record<string, unknown> = {}, max = 1): Promise<FindDropletReply[]> {
    return this.bus.request(deaFindDroplet, { droplet: 'app-1', ...filter }, { timeoutMs: 3000, max });
  }

  /** One page of an instance's log stream, as the cloud controller gets it. */
  async log(found: FindDropletReply | undefined, query: Record<string, unknown> = {}): Promise<LogPage> {
    const login = Buffer.from(found?.credentials?.join(':') ?? '').toString('base64');
    const { body, headers, statusCode } = await request(found?.log_uri ?? '', {
      query,
      headers: { authorization: `Basic ${login}` },
    });
    const text = await body.text();
    const lines = statusCode === 200 ? text.split('\n').slice(0, -1) : [];
    return {
      status: statusCode,
      lines: lines.map((line) => JSON.parse(line) as LogLine),
      next: Number(headers['x-log-next']),
      ended: headers['x-log-ended'] === 'true',
    };
  }

  /** What the instances write and the DEA tells about the one with the index, so far. */
  async logText(index = 0): Promise<string> {
    const [found] = await this.find({ indices: [index] });
    if (found === undefined) return '';
    const { lines } = await this.log(found, { recent: 10_000, max: 10_000 });
    return lines.map(({ source, text }) => `${source}: ${text}\n`).join('');
  }

  /** Waits for something to show; the DEA's output is in the error if it does not. */
  async seen<T>(
    condition: () => T | Promise<T>,
    timeoutMs = 40_000,
  ): Promise<Exclude<T, undefined | null | false | 0 | ''>> {
    try {
      return await waitFor(condition, { timeoutMs });
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${this.dea?.output() ?? ''}`, { cause: error });
    }
  }

  private hear<T>(subject: Subject<T>, messages: T[]): void {
    this.bus.subscribe(subject, (message, { trace }) => {
      messages.push(message);
      this.noteTrace(subject.name, trace);
    });
  }

  private noteTrace(name: string, trace: Trace | undefined): void {
    this.traces.set(name, [...(this.traces.get(name) ?? []), trace?.traceId ?? '']);
  }

  private async serveDroplet(): Promise<void> {
    const source = join(this.dir, 'source');
    for (const name of ['app', 'logs', 'tmp']) mkdirSync(join(source, name), { recursive: true });
    writeFileSync(join(source, 'app/hello.txt'), 'hello');
    writeFileSync(join(source, 'staging_info.yml'), 'start_command: echo from the droplet; sleep 60\n');
    const file = join(this.dir, 'droplet.tgz');
    execFileSync('tar', ['-czf', file, '-C', source, '.']);
    const bytes = readFileSync(file);
    this.sha1 = createHash('sha1').update(bytes).digest('hex');
    const server = createServer((request, response) => {
      this.noteTrace('download', fromTraceparent(String(request.headers['traceparent'])));
      response.end(bytes);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.dropletUri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/droplet`;
    this.cleanups.push(() => server.close().closeAllConnections());
  }
}
