import { deaShutdown, deaStart, routerGreet } from '@vcap/bus';
import type { Subscription } from '@vcap/bus';
import type { Timer } from '@vcap/clock';
import type { Member } from '@vcap/component';
import type { DeaFacts } from './messages.ts';
import { subscribeAll } from './responders.ts';
import type { ResponderParts } from './responders.ts';

/** Settings of the DEA's presence on the bus. */
export interface PresenceOptions extends Omit<ResponderParts, 'routerStarted'> {
  heartbeatMs: number;
  advertiseMs: number;
}

const VERSION = '0.1.0';
const GREET_MS = 2000;
const DEFAULT_REGISTER_MS = 20_000;

/** Says hello, beats, advertises, keeps routes registered and says goodbye. */
export class Presence implements Member {
  readonly name = 'presence';
  private readonly options: PresenceOptions;
  private subscriptions: Subscription[] = [];
  private timers: Timer[] = [];
  private registerTimer: Timer | undefined;
  private registerMs = DEFAULT_REGISTER_MS;

  constructor(options: PresenceOptions) {
    this.options = options;
  }

  async start(): Promise<void> {
    const { advertiseMs, bus, clock, heartbeatMs, reporter } = this.options;
    this.subscriptions = subscribeAll({
      ...this.options,
      routerStarted: ({ minimumRegisterIntervalInSeconds: seconds }) => this.registerEvery(seconds),
    });
    reporter.listening = true;
    this.timers = [
      clock.setInterval(() => reporter.heartbeat(), heartbeatMs),
      clock.setInterval(() => reporter.advertise(), advertiseMs),
    ];
    this.scheduleRegister();
    void this.greet();
    bus.onReconnect(() => this.catchUp());
    const { id, ip, files } = this.facts();
    bus.publish(deaStart, { id, ip, port: files.port, version: VERSION });
    reporter.registerAll();
    reporter.advertise();
    reporter.heartbeat();
  }

  /** Tells everybody before the first instance goes. */
  async drain(): Promise<void> {
    if (this.timers.length > 0) this.sayGoodbye();
  }

  /** From now on nothing is placed here. Once. */
  sayGoodbye(): void {
    const { bus, registry, reporter } = this.options;
    if (reporter.leaving) return;
    reporter.leaving = true;
    const { id, ip } = this.facts();
    bus.publish(deaShutdown, { id, ip, version: VERSION, app_id_to_count: registry.countByApp() });
  }

  async stop(): Promise<void> {
    for (const subscription of this.subscriptions.splice(0)) subscription.unsubscribe();
    for (const timer of this.timers.splice(0)) timer.cancel();
    this.registerTimer?.cancel();
  }

  private facts(): DeaFacts {
    return this.options.facts();
  }

  /** What was published while the bus was away is lost, so all of it is said again. */
  private catchUp(): void {
    const { reporter } = this.options;
    reporter.advertise();
    reporter.heartbeat();
    reporter.registerAll();
  }

  private async greet(): Promise<void> {
    const [answer] = await this.options.bus.request(routerGreet, {}, { timeoutMs: GREET_MS });
    if (answer === undefined || this.timers.length === 0) return;
    this.registerEvery(answer.minimumRegisterIntervalInSeconds);
    this.options.reporter.registerAll();
  }

  private registerEvery(seconds: number | undefined): void {
    const ms = seconds === undefined ? DEFAULT_REGISTER_MS : seconds * 1000;
    if (ms === this.registerMs) return;
    this.registerMs = ms;
    this.scheduleRegister();
  }

  private scheduleRegister(): void {
    const { clock, reporter } = this.options;
    this.registerTimer?.cancel();
    this.registerTimer = clock.setInterval(() => reporter.registerAll(), this.registerMs);
  }
}
