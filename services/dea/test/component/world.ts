import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
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
import { freePort, startNats, startProcess, tempDir, waitFor } from '@vcap/testkit';
import type { RunningProcess } from '@vcap/testkit';
import { stringify } from 'yaml';
import { startMessage } from '../fixtures.ts';

const main = new URL('../../src/main.ts', import.meta.url).pathname;

/** A web application in one line; it says its address and answers every request. */
export const webApp = `exec node -e 'console.log("up"); require("http").createServer((q,s)=>s.end(process.env.VCAP_APPLICATION)).listen(process.env.PORT)'`;

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
  dea: RunningProcess | undefined;
  private readonly cleanups: (() => Promise<unknown> | void)[] = [];

  private constructor(natsUrl: string) {
    this.natsUrl = natsUrl;
    this.bus = new Bus({ servers: [natsUrl], name: 'test', log: silentLogger, clock: systemClock });
  }

  static async create(): Promise<World> {
    const nats = await startNats();
    const world = new World(nats.url);
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

  async close(): Promise<void> {
    await this.dea?.stop(10_000);
    for (const cleanup of this.cleanups.toReversed()) await cleanup();
  }

  /** Starts the DEA and waits for its first advertisement. */
  async startDea(settings: Record<string, unknown> = {}): Promise<void> {
    const config = join(this.dir, 'dea.yml');
    const first = await freePort();
    const value = {
      mbus: this.natsUrl,
      local_route: '127.0.0.1',
      base_dir: join(this.dir, 'base'),
      resources: { memory_mb: 1024, disk_mb: 1024 },
      port_range: { first, last: Math.min(first + 50, 65_535) },
      intervals: { heartbeat: 0.2, advertise: 0.2 },
      runtimes: { node: { executable: process.execPath } },
      ...settings,
    };
    writeFileSync(config, stringify(value));
    this.adverts.length = 0;
    this.dea = await startProcess({
      argv: [
        process.execPath,
        '--conditions=source',
        '--disable-warning=ExperimentalWarning',
        main,
        '--config',
        config,
      ],
    });
    await this.seen(() => this.adverts.at(-1));
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

  start(command: string, change: Partial<StartMessage> = {}, trace?: Trace): void {
    const droplet = { sha1: this.sha1, executableUri: this.dropletUri, start_command: command };
    this.bus.publish(deaInstanceStart.for(this.deaId), startMessage({ ...droplet, ...change }), trace);
  }

  /** Starts a web application and waits until the router was told of it. */
  async startWebApp(change: Partial<StartMessage> = {}): Promise<RouterRegister> {
    const index = this.registered.length;
    this.start(webApp, change);
    return this.seen(() => this.registered[index]);
  }

  find(filter: Record<string, unknown> = {}, max = 1): Promise<FindDropletReply[]> {
    return this.bus.request(deaFindDroplet, { droplet: 'app-1', ...filter }, { timeoutMs: 500, max });
  }

  /** Waits for something to show; the DEA's output is in the error if it does not. */
  async seen<T>(condition: () => T | Promise<T>): Promise<Exclude<T, undefined | null | false | 0 | ''>> {
    try {
      return await waitFor(condition, { timeoutMs: 40_000 });
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
