import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Parts } from '../../src/compose.ts';
import type { AppRecord, Bits, InstanceView, LogPage, LogQuery, Staging } from '../../src/ports.ts';

/** Stands for DEAs, stagers and the blobstore: notes what it is told, answers what the test sets. */
export class World {
  /** Such as `start app 0,1`. */
  readonly orders: string[] = [];
  readonly packages = new Map<string, Buffer>();
  readonly droplets = new Map<string, Buffer>();
  running: number | null = 0;
  lacks: string | undefined;
  views: InstanceView[] = [];
  /** What a started instance comes to. */
  becomes: 'running' | 'crashed' | 'late' = 'running';
  runtimes = [
    { name: 'node24', version: '24.0.0', description: 'Node.js 24' },
    { name: 'python3', version: '3.11', description: 'Python 3' },
  ];
  /** Replaced by tests that want staging to fail or to wait. */
  stage: (app: AppRecord, store: StoreForStaging) => ReturnType<Staging['stage']> = stageAtOnce;
  openedPaths: string[] = [];
  logQueries: LogQuery[] = [];
  logPage: LogPage = { lines: [], cursor: {} };

  parts(store: StoreForStaging): Parts {
    const order = (what: string, app: AppRecord, indices?: number[]): void => {
      this.orders.push([what, app.name, ...(indices ? [indices.join()] : [])].join(' '));
    };
    return {
      bits: this.#bits(),
      instances: {
        start: async (app, indices) => order('start', app, indices),
        shortage: () => this.lacks,
        waitRunning: async (app, index) => {
          this.orders.push(`wait ${app.name} ${index}`);
          return this.becomes;
        },
        stop: async (app, indices) => order('stop', app, indices),
        updateUris: async (app) => order(`uris[${app.uris.join()}]`, app),
        announceUpdated: (app) => order('updated', app),
        list: async () => this.views,
        stats: async () => ({ 0: { state: 'RUNNING' } }),
        crashes: async () => [{ instance: 'abc', since: 5 }],
        runningCounts: async (apps) => new Map(apps.map((app) => [app.guid, this.running])),
        logs: async (_app, query) => {
          this.logQueries.push(query);
          return this.logPage;
        },
        openFile: async (_app, target, path, range) => {
          this.openedPaths.push(`${JSON.stringify(target)} ${path} ${range ?? ''}`.trim());
          if (path === '/missing') return { ok: false, reason: 'not-found', message: 'no such file' };
          return {
            ok: true,
            status: range ? 206 : 200,
            headers: { 'Content-Type': 'text/plain' },
            body: Readable.from(['data']),
          };
        },
      },
      offered: { runtimes: () => this.runtimes, isolation: () => 'runc' },
      staging: {
        stage: (app) => this.stage(app, store),
        openLog: async (app, offset) =>
          app.stagingTaskId === null
            ? undefined
            : { body: Readable.from(['log text'.slice(offset)]), complete: true },
      },
      members: [],
    };
  }

  #bits(): Bits {
    return {
      match: async (_org, list) => list.filter((entry) => entry.size > 1),
      upload: (app, request) => keep(this.packages, app.guid, request),
      packageFiles: async () => undefined,
      openPackage: (guid) => open(this.packages, guid),
      storeDroplet: ({ guid }, request) => keep(this.droplets, guid, request),
      openDroplet: (guid) => open(this.droplets, guid),
      deleteApp: async (guid) => {
        this.packages.delete(guid);
        this.orders.push('bits-deleted');
      },
    };
  }
}

type StoreForStaging = import('../../src/ports.ts').AppStore;

/** What a stager does, without the wait. */
export async function stageAtOnce(app: AppRecord, store: StoreForStaging): ReturnType<Staging['stage']> {
  const taskId = `task-${app.version}`;
  await store.update(app.guid, { stagingTaskId: taskId });
  const dropletHash = createHash('sha1')
    .update(app.packageHash ?? '')
    .digest('hex');
  await store.finishStaging(app.guid, taskId, { ok: true, dropletHash, detectedStartCommand: 'node app.js' });
  const staged = await store.byGuid(app.guid);
  return staged ? { ok: true, app: staged } : { ok: false, message: 'the app is gone' };
}

async function keep(kept: Map<string, Buffer>, guid: string, request: Readable): Promise<{ sha1: string }> {
  const body = await buffer(request);
  kept.set(guid, body);
  return { sha1: createHash('sha1').update(body).digest('hex') };
}

async function open(kept: Map<string, Buffer>, guid: string) {
  const body = kept.get(guid);
  return body && { size: body.length, body: Readable.from([body]) };
}
