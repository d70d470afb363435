import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Bus, bulkCredentials, deaHeartbeat, healthStart, healthStop, healthmanagerStart } from '@vcap/bus';
import type { HealthStart, HealthStop, HeartbeatEntry, Logger } from '@vcap/bus';
import { systemClock } from '@vcap/clock';
import { startNats, startProcess, tempDir, waitFor } from '@vcap/testkit';
import type { NatsServer, RunningProcess, TempDir } from '@vcap/testkit';
import { stringify } from 'yaml';

const quiet = { info() {}, warn() {}, error() {}, debug() {}, child: () => quiet } as unknown as Logger;

/** A bulk API that can be made to fail in every way. */
export class BulkServer {
  mode: 'whole' | 'empty' | 'half' | 'broken-midway' | 'error' | 'hang' | 'garbage' = 'whole';
  password = 'first';
  requests = 0;
  readonly apps = new Map<string, Record<string, unknown>>();
  readonly #server: Server = createServer((request, response) =>
    this.#answer(request.url ?? '', request.headers.authorization, response),
  );

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  app(id: string, fields: Record<string, unknown> = {}): void {
    const updated_at = '2013-07-05 12:00:00 +0000';
    this.apps.set(id, {
      id,
      version: 'v1',
      instances: 1,
      state: 'STARTED',
      memory: 64,
      package_state: 'STAGED',
      updated_at,
      ...fields,
    });
  }

  #answer(
    path: string,
    authorization: string | undefined,
    response: import('node:http').ServerResponse,
  ): void {
    this.requests += 1;
    const json = (status: number, body: unknown): void =>
      void response.writeHead(status).end(JSON.stringify(body));
    const expected = `Basic ${Buffer.from(`bulk:${this.password}`).toString('base64')}`;
    if (authorization !== expected) return json(401, {});
    if (this.mode === 'error') return json(500, {});
    if (this.mode === 'hang') return;
    if (this.mode === 'garbage') return void response.end('<html>');
    const url = new URL(path, 'http://bulk');
    if (url.pathname === '/bulk/counts') return json(200, { counts: { user: 7 } });
    const size = Number(url.searchParams.get('batch_size'));
    const from = (JSON.parse(url.searchParams.get('bulk_token') ?? '{}') as { id?: number }).id ?? 0;
    if (this.mode === 'broken-midway' && from > 0) return json(503, {});
    const all = [...this.apps.values()];
    const told = this.mode === 'empty' ? [] : this.mode === 'half' ? all.slice(0, all.length / 2) : all;
    const page = told.slice(from, from + size);
    json(200, {
      results: Object.fromEntries(page.map((app) => [app['id'], app])),
      bulk_token: { id: from + page.length },
    });
  }
}

/** The health manager's process with a real bus, a bulk API and DEAs that beat twice a second. */
export class Platform {
  readonly bulk = new BulkServer();
  readonly starts: (HealthStart & { at: number })[] = [];
  readonly stops: HealthStop[] = [];
  readonly deas = new Map<string, HeartbeatEntry[]>();
  nats!: NatsServer;
  bus!: Bus;
  manager!: RunningProcess;
  beatRequests = 0;
  #dir!: TempDir;
  #config!: string;
  #beats: { cancel(): void } | undefined;

  async start(): Promise<void> {
    this.nats = await startNats();
    this.bus = new Bus({ servers: [this.nats.url], name: 'test', log: quiet, clock: systemClock });
    await this.bus.start();
    this.#dir = await tempDir('vcap-hm');
    this.#config = join(this.#dir.path, 'health-manager.yml');
    await writeFile(this.#config, stringify(this.#configuration(await this.bulk.start())));
    this.bus.subscribe(
      healthStart,
      (message) => void this.starts.push({ ...message, at: performance.now() }),
    );
    this.bus.subscribe(healthStop, (message) => void this.stops.push(message));
    this.bus.subscribe(bulkCredentials.for('default'), (_, { reply }) =>
      reply?.({ user: 'bulk', password: this.bulk.password }),
    );
    this.bus.subscribe(healthmanagerStart, () => {
      this.beatRequests += 1;
      this.beatAll();
    });
    this.#beats = systemClock.setInterval(() => this.beatAll(), 500);
    await this.startManager();
  }

  async startManager(): Promise<void> {
    const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
    this.manager = await startProcess({
      argv: [process.execPath, '--conditions=source', main, '--config', this.#config],
      env: { PATH: process.env['PATH'] },
      readyWhen: '"actual":"fresh"',
    });
  }

  /** Fresh on both sides, as the manager itself says. */
  async fresh(): Promise<void> {
    await waitFor(() => this.manager.output().includes('"desired":"fresh","actual":"fresh"'), {
      timeoutMs: 10_000,
    });
  }

  run(dea: string, droplet: string, index = 0, fields: Partial<HeartbeatEntry> = {}): HeartbeatEntry {
    const entry: HeartbeatEntry = {
      droplet,
      version: 'v1',
      instance: `${droplet}-${index}-${dea}`,
      index,
      state: 'RUNNING',
      state_timestamp: systemClock.now() / 1000,
      cc_partition: 'default',
      ...fields,
    };
    this.deas.set(dea, [...(this.deas.get(dea) ?? []), entry]);
    return entry;
  }

  beatAll(): void {
    for (const [dea, droplets] of this.deas) this.bus.publish(deaHeartbeat, { dea, droplets });
  }

  async stop(): Promise<void> {
    this.#beats?.cancel();
    await this.manager?.stop();
    await this.bus?.stop();
    await this.nats?.stop();
    await this.bulk.stop();
    await this.#dir?.remove();
  }

  #configuration(url: string): Record<string, unknown> {
    return {
      mbus: [this.nats.url],
      index: 0,
      local_route: '127.0.0.1',
      bulk_api: { url, batch_size: 2, timeout_seconds: 0.5 },
      intervals: {
        scan_seconds: 0.2,
        droplet_lost_seconds: 3,
        freshness_seconds: 1,
        desired_refresh_seconds: 0.4,
        desired_retry_seconds: 0.2,
        desired_stale_seconds: 2,
        start_grace_seconds: 1,
        resend_seconds: 1,
      },
    };
  }
}
