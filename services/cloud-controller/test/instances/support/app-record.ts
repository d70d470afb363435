import { systemClock } from '@vcap/clock';
import type { Clock } from '@vcap/clock';
import type { AppRecord, AppStore, BoundService, StartOrder } from '../../../src/ports.ts';

/** A started, staged app. */
export function appRecord(change: Partial<AppRecord> = {}): AppRecord {
  return {
    id: 1,
    guid: 'app-1',
    name: 'shop',
    orgGuid: 'org-1',
    spaceGuid: 'space-1',
    ownerEmail: 'me@example.test',
    framework: 'node',
    runtime: 'node24',
    command: null,
    stack: 'linux',
    memoryMb: 128,
    diskMb: 256,
    fds: 256,
    instances: 1,
    state: 'STARTED',
    packageState: 'STAGED',
    packageHash: 'c'.repeat(40),
    dropletHash: 'd'.repeat(40),
    detectedStartCommand: 'node app.js',
    version: 'v1',
    stagingTaskId: null,
    stagingLogUrl: null,
    env: ['MODE=live'],
    services: [],
    debug: null,
    console: false,
    metaVersion: 1,
    replacingVersion: null,
    replacingUntil: 0,
    stagingLeaseUntil: 0,
    stagingError: null,
    staleDroplet: false,
    uris: ['shop.example.test'],
    createdAt: 0,
    updatedAt: 0,
    ...change,
  };
}

/** A store of one row, which a test may read and change: the database has its own suite. */
export class OneApp implements AppStore {
  row: AppRecord | undefined;
  readonly tokens: string[] = [];

  readonly #clock: Clock;

  constructor(row: AppRecord | undefined, clock: Clock = systemClock) {
    this.row = row;
    this.#clock = clock;
  }

  async byGuid(guid: string): Promise<AppRecord | undefined> {
    return this.row?.guid === guid ? this.row : undefined;
  }

  /** What the app is bound to. */
  bound: BoundService[] = [];

  async boundServices(): Promise<BoundService[]> {
    return this.bound;
  }

  async update(guid: string, change: Partial<AppRecord>): Promise<AppRecord | undefined> {
    if (this.row?.guid !== guid) return undefined;
    this.row = { ...this.row, ...change };
    return this.row;
  }

  async finishStaging(
    _guid: string,
    taskId: string,
    result: Parameters<AppStore['finishStaging']>[2],
  ): Promise<boolean> {
    if (this.row?.stagingTaskId !== taskId) return false;
    const { dropletHash, detectedStartCommand } = result.ok ? result : this.row;
    const packageState = result.ok ? 'STAGED' : result.keepPending ? 'PENDING' : 'FAILED';
    this.row = { ...this.row, packageState, dropletHash, detectedStartCommand };
    return true;
  }

  readonly #orders = new Map<string, number>();

  async takeStartOrder(order: StartOrder, lifeMs: number): Promise<boolean> {
    const key = JSON.stringify(order);
    const now = this.#clock.monotonic();
    if (now < (this.#orders.get(key) ?? 0)) return false;
    this.#orders.set(key, now + lifeMs);
    return true;
  }

  async giveBackStartOrder(order: StartOrder): Promise<void> {
    this.#orders.delete(JSON.stringify(order));
  }

  async putUploadToken(token: string): Promise<void> {
    this.tokens.push(token);
  }

  async takeUploadToken(token: string): Promise<boolean> {
    return this.tokens.includes(token);
  }
}
