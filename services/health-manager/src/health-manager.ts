import type { Clock, Timer } from '@vcap/clock';
import type { Logger } from '@vcap/bus';
import { ActualState } from './domain/actual-state.ts';
import type { BeatInput } from './domain/actual-state.ts';
import { analyseApp } from './domain/analyse.ts';
import { assessActual, assessDesired, isDeaf, leavesOutTooMuch } from './domain/freshness.ts';
import type { Assessment, Fresh, TrustedDesired } from './domain/freshness.ts';
import { Ledger } from './domain/ledger.ts';
import { holdsIndex } from './domain/types.ts';
import type { ActualView, Command, DesiredView, Settings } from './domain/types.ts';

/** An instance's end as told by `droplet.exited`. */
export interface ExitInput {
  readonly droplet: string;
  readonly version: string;
  readonly instance: string;
  readonly index: number;
  readonly reason: string;
}

/** What the health manager needs from outside. */
export interface HealthManagerOptions {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly log: Logger;
  /** Whether the bus connection stands now. */
  readonly connected: () => boolean;
  /** Gives an order to the cloud controller. */
  readonly send: (command: Command) => void;
}

/**
 * Holds what is wanted and what is there, and decides when anything happened that may call for an order. All inputs
 * are method calls, all outputs go through `send`: the adapters know the bus and HTTP.
 */
export class HealthManager {
  readonly actual = new ActualState();
  readonly ledger: Ledger;
  readonly #o: HealthManagerOptions;
  #desired: DesiredView | undefined;
  #connectedSince: number | undefined;
  #lastHeard: number | undefined;
  #heardAgainAt: number | undefined;
  #suspiciousSince: number | undefined;
  #timer: Timer | undefined;
  #timerAt = Infinity;
  #stopped = true;
  #reported = '';

  constructor(options: HealthManagerOptions) {
    this.#o = options;
    this.ledger = new Ledger(options.settings);
  }

  start(): void {
    this.#stopped = false;
    this.connectionRestored();
    this.#wake(this.#now() + this.#o.settings.scanMs);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  /** The bus came back: what happened meanwhile is unknown, so the actual state has to prove itself anew. */
  connectionRestored(): void {
    this.#connectedSince = this.#now();
    this.#lastHeard = undefined;
  }

  /** The last complete walk, whether or not it is still current. */
  get desired(): DesiredView | undefined {
    return this.#desired;
  }

  /** A complete walk over the bulk API. */
  desiredFetched(view: DesiredView): void {
    this.#desired = view;
    this.pass();
  }

  heartbeat(beat: BeatInput): void {
    const now = this.#hear();
    const { omitted, crashed } = this.actual.beat(beat, now);
    for (const instance of omitted) if (holdsIndex(instance)) this.ledger.omitted(instance, now);
    for (const { instance, before } of crashed) {
      if (!this.#held(instance, instance.instance))
        this.ledger.crashed(instance, before, now, instance.stateTimestamp);
    }
    for (const app of new Set(crashed.map(({ instance }) => instance.droplet))) this.passApp(app);
  }

  exited(exit: ExitInput): void {
    const now = this.#hear();
    const how = exit.reason === 'CRASHED' ? 'crashed' : exit.reason === 'STOPPED' ? 'stopped' : 'leaving';
    const before = this.actual.exit(exit.instance, how);
    // Told twice, or told by a heartbeat already.
    if (how === 'crashed' && before?.state === 'CRASHED') return;
    if (how === 'leaving' && before?.leaving === true) return;
    if (this.#held(exit, exit.instance)) return;
    if (how === 'crashed') this.ledger.crashed(exit, before, now, this.#o.clock.now() / 1000);
    else if (how === 'leaving') this.ledger.evacuated(exit, now);
    else this.ledger.stopped(exit, now);
    this.passApp(exit.droplet);
  }

  deaShutdown(dea: string): void {
    const now = this.#hear();
    const gone = this.actual.deaShutdown(dea);
    for (const instance of gone) {
      if (instance.state !== 'CRASHED' && !this.#held(instance, instance.instance))
        this.ledger.evacuated(instance, now);
    }
    for (const app of new Set(gone.map((instance) => instance.droplet))) this.passApp(app);
  }

  deaStart(dea: string): void {
    this.#hear();
    this.actual.deaStart(dea);
  }

  /** Whether both states are proved current, or why not. */
  freshness(): { desired: Assessment<TrustedDesired>; actual: Assessment<ActualView> } {
    const { settings, connected } = this.#o;
    const now = this.#now();
    if (!connected()) this.#connectedSince = undefined;
    else this.#connectedSince ??= now;
    const hearing = {
      connectedSince: this.#connectedSince,
      lastHeard: this.#lastHeard,
      heardAgainAt: this.#heardAgainAt,
    };
    const trusted = this.#suspiciousSince === undefined;
    return {
      desired: assessDesired(this.#desired, trusted, settings, now),
      actual: assessActual(this.actual, hearing, settings, now),
    };
  }

  /** Looks at every app. */
  pass(): void {
    const now = this.#now();
    this.#wake(now + this.#o.settings.scanMs, true);
    const { actual } = this.freshness();
    if (actual.fresh) {
      this.actual.expire(now, this.#o.settings.lostMs);
      this.#judgeAbsence(now);
    }
    const { desired } = this.freshness();
    this.#report(desired, actual);
    if (!actual.fresh || !desired.fresh) return;
    this.ledger.prune(desired.view, (instance) => this.actual.get(instance) !== undefined);
    for (const app of new Set([...desired.view.apps.keys(), ...this.actual.apps.keys()])) {
      this.#decide(app, desired.view, actual.view, now);
    }
  }

  /** Looks at one app, at once after an event. */
  passApp(app: string): void {
    const { desired, actual } = this.freshness();
    if (desired.fresh && actual.fresh) this.#decide(app, desired.view, actual.view, this.#now());
  }

  #decide(id: string, desired: Fresh<TrustedDesired>, actual: Fresh<ActualView>, now: number): void {
    const app = desired.apps.get(id);
    if (app !== undefined) this.ledger.reconcile(app, actual, now, this.#o.clock.now() / 1000);
    const { ledger } = this;
    const { settings } = this.#o;
    const findings = analyseApp(id, { desired, actual, ledger, settings, now });
    for (const command of findings.commands) {
      this.ledger.sent(command, now);
      this.#o.send(command);
    }
    if (findings.nextDue !== undefined) this.#wake(findings.nextDue);
  }

  /** Whether another instance than `except` is up at the place. */
  #held(place: { droplet: string; version: string; index: number }, except: string): boolean {
    for (const one of this.actual.apps.get(place.droplet)?.values() ?? []) {
      const here = one.version === place.version && one.index === place.index && one.instance !== except;
      if (here && holdsIndex(one)) return true;
    }
    return false;
  }

  #judgeAbsence(now: number): void {
    const view = this.#desired;
    if (view === undefined) return;
    if (!leavesOutTooMuch(view, this.actual)) this.#suspiciousSince = undefined;
    else if (this.#suspiciousSince === undefined) this.#suspiciousSince = now;
    // Long enough the same, and not empty: believed.
    else if (view.apps.size > 0 && now - this.#suspiciousSince > this.#o.settings.absenceConfirmMs) {
      this.#suspiciousSince = undefined;
    }
  }

  #hear(): number {
    const now = this.#now();
    const { settings } = this.#o;
    const since = this.#connectedSince ?? now;
    if (isDeaf(since, this.#lastHeard, settings, now)) this.#heardAgainAt = now;
    this.#lastHeard = now;
    return now;
  }

  #report(desired: Assessment<TrustedDesired>, actual: Assessment<ActualView>): void {
    const trusted = this.#suspiciousSince === undefined;
    const state = {
      desired: desired.fresh
        ? trusted
          ? 'fresh'
          : 'leaves out too much of what runs: nothing absent is stopped'
        : desired.why,
      actual: actual.fresh ? 'fresh' : actual.why,
    };
    const text = JSON.stringify(state);
    if (text === this.#reported) return;
    this.#reported = text;
    this.#o.log.info({ event: 'freshness-changed', ...state });
  }

  #wake(at: number, replace = false): void {
    if (this.#stopped || (!replace && at >= this.#timerAt)) return;
    this.#timer?.cancel();
    this.#timerAt = at;
    this.#timer = this.#o.clock.setTimeout(() => this.pass(), Math.max(at - this.#now(), 10));
  }

  #now(): number {
    return this.#o.clock.monotonic();
  }
}
