import { FakeClock } from '@vcap/clock';
import type { Logger } from '@vcap/bus';
import { HealthManager } from '../../src/health-manager.ts';
import type { Command, DesiredApp, Settings } from '../../src/domain/types.ts';

/** Production's default figures. */
export const settings: Settings = {
  scanMs: 5000,
  lostMs: 30_000,
  freshnessMs: 15_000,
  desiredStaleMs: 120_000,
  startGraceMs: 30_000,
  resendMs: 30_000,
  immediateRestarts: 3,
  minBackoffMs: 30_000,
  maxBackoffMs: 960_000,
  stableMs: 500_000,
  absenceConfirmMs: 600_000,
};

/** One order with the second it was given at. */
export type Given = Command & { at: number };

interface SimInstance {
  instance: string;
  droplet: string;
  version: string;
  index: number;
  state: string;
  state_timestamp: number;
}

/**
 * A platform in miniature on a fake clock, which ticks once a second: DEAs beat every 10 s, the desired state is
 * fetched every 30 s. The controller obeys orders only when told to.
 */
export class Simulator {
  readonly clock = new FakeClock();
  readonly given: Given[] = [];
  readonly deas = new Map<string, SimInstance[]>();
  readonly apps = new Map<string, DesiredApp>();
  readonly manager: HealthManager;
  /** Whether the controller obeys at once, placing on the first DEA. */
  obey = false;
  connected = true;
  feed: 'whole' | 'none' | 'empty' = 'whole';
  #seconds = 0;
  #ids = 0;

  constructor(overrides: Partial<Settings> = {}) {
    this.manager = new HealthManager({
      settings: { ...settings, ...overrides },
      clock: this.clock,
      log: { info: () => undefined } as unknown as Logger,
      connected: () => this.connected,
      send: (command) => this.#receive(command),
    });
    this.manager.start();
  }

  app(id: string, fields: Partial<DesiredApp> = {}): void {
    const old = this.apps.get(id) ?? {
      id,
      version: 'v1',
      instances: 1,
      started: true,
      staged: true,
      updatedAt: 0,
    };
    // The controller dates each change of its row.
    this.apps.set(id, { ...old, updatedAt: Math.floor(this.clock.now() / 1000), ...fields });
  }

  run(dea: string, droplet: string, index: number, fields: Partial<SimInstance> = {}): string {
    this.#ids += 1;
    const instance = fields.instance ?? `i${this.#ids}`;
    const state_timestamp = this.clock.now() / 1000;
    const version = this.apps.get(droplet)?.version ?? 'v1';
    const list = this.deas.get(dea) ?? [];
    list.push({ droplet, version, index, state: 'RUNNING', state_timestamp, ...fields, instance });
    this.deas.set(dea, list);
    return instance;
  }

  /** An instance ends, and its DEA says so. */
  exit(instance: string, reason = 'CRASHED'): void {
    for (const list of this.deas.values()) {
      const one = list.find((entry) => entry.instance === instance);
      if (one === undefined) continue;
      if (reason === 'CRASHED') one.state = 'CRASHED';
      else list.splice(list.indexOf(one), 1);
      this.manager.exited({ ...one, reason });
      return;
    }
  }

  beat(dea: string): void {
    this.manager.heartbeat({ dea, droplets: structuredClone(this.deas.get(dea) ?? []) });
  }

  fetch(): void {
    if (this.feed === 'none') return;
    const now = this.clock.monotonic();
    const apps = this.feed === 'empty' ? new Map<string, DesiredApp>() : new Map(this.apps);
    this.manager.desiredFetched({ apps, opaque: new Set(), startedAt: now, finishedAt: now });
  }

  async seconds(count: number): Promise<void> {
    for (let i = 0; i < count; i += 1) {
      if (this.connected && this.#seconds % 10 === 0) for (const dea of this.deas.keys()) this.beat(dea);
      if (this.#seconds % 30 === 0) this.fetch();
      await this.clock.advance(1000);
      this.#seconds += 1;
    }
  }

  /** Until all is fresh and nothing that was there before is in a grace time; forgets what was ordered. */
  async settle(): Promise<void> {
    await this.seconds(65);
    this.given.length = 0;
  }

  starts(): string[] {
    return this.given.filter((one) => one.kind === 'start').map((one) => `${one.droplet}/${one.index}`);
  }

  stops(): string[] {
    return this.given.flatMap((one) => (one.kind === 'stop' ? [`${one.instance} ${one.why}`] : []));
  }

  get now(): number {
    return this.clock.monotonic() / 1000;
  }

  #receive(command: Command): void {
    this.given.push({ ...command, at: this.now });
    if (!this.obey) return;
    if (command.kind === 'start') {
      const dea = this.deas.keys().next().value;
      if (dea === undefined) return;
      this.run(dea, command.droplet, command.index);
      this.clock.setTimeout(() => this.beat(dea), 500);
    } else this.clock.setTimeout(() => this.exit(command.instance, 'STOPPED'), 100);
  }
}
