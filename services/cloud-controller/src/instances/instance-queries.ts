import { deaFindDroplet, healthmanagerHealth, healthmanagerStatus } from '@vcap/bus';
import type { Bus, FindDropletReply, Trace } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import type { AppRecord, Crash, Instances, InstanceView } from '../ports.ts';
import type { ActualState } from './actual-state.ts';
import { countRunning, liveByIndex, toViews } from './running-instances.ts';

const FIND_TIMEOUT_MS = 2000;
const HEALTH_TIMEOUT_MS = 1000;
const FLAPPING_TIMEOUT_MS = 300;

type Queries = Pick<Instances, 'list' | 'stats' | 'crashes' | 'runningCounts'>;

/**
 * Answers what runs. From the heartbeats when they are heard, which costs no message; else DEAs and the health manager
 * are asked, and their silence is an answer too: DOWN, or null where a number is not known.
 */
export class InstanceQueries implements Queries {
  readonly #bus: Bus;
  readonly #clock: Clock;
  readonly #actual: ActualState;

  constructor(o: { bus: Bus; clock: Clock; actual: ActualState }) {
    this.#bus = o.bus;
    this.#clock = o.clock;
    this.#actual = o.actual;
  }

  async list(app: AppRecord, trace: Trace): Promise<InstanceView[]> {
    if (app.state !== 'STARTED') return [];
    // Only the DEAs know where a debugger or a console listens.
    const ask = !this.#actual.warm || app.console || app.debug !== null;
    const live = ask ? await this.#askDeas(app, trace) : this.#fromBeats(app);
    for (let index = 0; index < app.instances; index++) {
      const since = this.#actual.orderedSince(app.guid, app.version, index);
      if (since !== undefined && !live.has(index))
        live.set(index, { index, state: 'STARTING', since: Math.floor(since) });
    }
    const flapping = live.size < app.instances ? await this.#flapping(app, trace) : new Map<number, number>();
    return toViews(app, live, flapping, this.#nowSeconds());
  }

  async stats(app: AppRecord, trace: Trace): Promise<Record<string, unknown>> {
    if (app.state !== 'STARTED') return {};
    const replies = await this.#find(app, ['RUNNING'], trace, true);
    const byIndex = new Map(replies.map((reply) => [reply.index, reply]));
    const rows = Array.from({ length: app.instances }, (_, index) => {
      const reply = byIndex.get(index);
      const row = reply
        ? { state: reply.state, ...(reply.stats ? { stats: reply.stats } : {}) }
        : { state: 'DOWN', since: this.#nowSeconds() };
      return [String(index), row] as const;
    });
    return Object.fromEntries(rows);
  }

  async crashes(app: AppRecord, trace: Trace): Promise<Crash[]> {
    if (!this.#actual.warm) {
      const query = { droplet: app.guid, state: 'CRASHED' as const };
      const [reply] = await this.#bus.request(healthmanagerStatus, query, {
        timeoutMs: HEALTH_TIMEOUT_MS,
        trace,
      });
      if (reply?.instances) return reply.instances;
    }
    return this.#actual
      .of(app.guid)
      .filter(({ state }) => state === 'CRASHED')
      .map(({ instance, since, reason }) => ({
        instance,
        since: Math.floor(since),
        ...(reason ? { reason } : {}),
      }))
      .toSorted((left, right) => left.since - right.since);
  }

  async runningCounts(apps: AppRecord[], trace: Trace): Promise<Map<string, number | null>> {
    if (apps.length === 0) return new Map();
    if (this.#actual.warm) {
      return new Map(apps.map((app) => [app.guid, countRunning(app, this.#actual.of(app.guid))]));
    }
    const counts = new Map<string, number | null>(apps.map(({ guid }) => [guid, null]));
    const droplets = apps.map(({ guid, version }) => ({ droplet: guid, version }));
    const options = { timeoutMs: HEALTH_TIMEOUT_MS, max: apps.length, trace };
    for (const { droplet, healthy } of await this.#bus.request(healthmanagerHealth, { droplets }, options)) {
      if (counts.has(droplet)) counts.set(droplet, Math.max(healthy, 0));
    }
    return counts;
  }

  #fromBeats(app: AppRecord): Map<number, InstanceView> {
    const views = new Map<number, InstanceView>();
    for (const [index, { state, since }] of liveByIndex(app, this.#actual.of(app.guid))) {
      views.set(index, { index, state: state as InstanceView['state'], since: Math.floor(since) });
    }
    return views;
  }

  async #askDeas(app: AppRecord, trace: Trace): Promise<Map<number, InstanceView>> {
    const replies = await this.#find(app, ['STARTING', 'RUNNING'], trace);
    const views = new Map<number, InstanceView>();
    for (const reply of replies) {
      const { index, state, state_timestamp, debug_ip, debug_port, console_ip, console_port } = reply;
      if (views.get(index)?.state === 'RUNNING') continue;
      const ports = { debug_ip, debug_port, console_ip, console_port };
      const known = Object.entries(ports).filter(([, value]) => value !== undefined);
      const since = Math.floor(state_timestamp);
      views.set(index, { index, state: state as InstanceView['state'], since, ...Object.fromEntries(known) });
    }
    return views;
  }

  /** Instances of the current version in range, each index once unless it really runs twice. */
  async #find(
    app: AppRecord,
    states: ('STARTING' | 'RUNNING')[],
    trace: Trace,
    withStats = false,
  ): Promise<FindDropletReply[]> {
    const query = {
      droplet: app.guid,
      version: app.version,
      states,
      ...(withStats ? { include_stats: true } : {}),
    };
    const options = { timeoutMs: FIND_TIMEOUT_MS, max: this.#expected(app, states), trace };
    const replies = await this.#bus.request(deaFindDroplet, query, options);
    return replies.filter(({ droplet, index }) => droplet === app.guid && index < app.instances);
  }

  /** How many answers to wait for: what the beats tell, doubles included; without beats the desired number. */
  #expected(app: AppRecord, states: readonly string[]): number {
    if (!this.#actual.warm) return app.instances;
    const live = this.#actual.of(app.guid);
    return live.filter(({ state, version }) => version === app.version && states.includes(state)).length;
  }

  async #flapping(app: AppRecord, trace: Trace): Promise<Map<number, number>> {
    const query = { droplet: app.guid, version: app.version, state: 'FLAPPING' as const };
    const [reply] = await this.#bus.request(healthmanagerStatus, query, {
      timeoutMs: FLAPPING_TIMEOUT_MS,
      trace,
    });
    return new Map((reply?.indices ?? []).map(({ index, since }) => [index, since]));
  }

  #nowSeconds(): number {
    return Math.floor(this.#clock.now() / 1000);
  }
}
