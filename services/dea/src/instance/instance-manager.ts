import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { newTrace } from '@vcap/bus';
import type { DeaUpdate, StartMessage, StopFilter, Trace } from '@vcap/bus';
import { Instance } from './instance.ts';
import type { InstanceParts } from './instance.ts';
import { matches, stopMatches } from './filter.ts';
import type { InstanceWorld } from './parts.ts';
import { startInstance } from './start-instance.ts';
import { isLive, isRouted } from './states.ts';

/** Starts, stops, changes and forgets instances. Each one's work goes through its own queue. */
export class InstanceManager {
  private readonly world: InstanceWorld;

  constructor(world: InstanceWorld) {
    this.world = world;
  }

  /** A live instance that a start message would only double: the message came twice. */
  duplicateOf({ droplet, version, index }: StartMessage): Instance | undefined {
    return this.world.registry.all().find(({ message, state }) => {
      const same = message.droplet === droplet && message.version === version && message.index === index;
      return same && isLive(state) && state !== 'EVACUATING';
    });
  }

  /** Reserves at once, then works on. The caller has checked that there is room. */
  start(message: StartMessage, trace: Trace): Instance {
    const { world } = this;
    const id = randomBytes(16).toString('hex');
    const instance = this.make({
      id,
      handle: id,
      message,
      privateInstanceId: randomBytes(32).toString('hex'),
      trace,
    });
    world.registry.add(instance);
    world.changed();
    void instance.queue.run(() => this.runStart(instance));
    return instance;
  }

  /** An instance that reports to this manager. */
  make(parts: Omit<InstanceParts, 'rootDir' | 'nowMs'>): Instance {
    const { clock, instancesDir } = this.world;
    const rootDir = join(instancesDir, parts.handle);
    return new Instance({ ...parts, rootDir, nowMs: clock.now() }, (changed, from) =>
      this.world.stateChanged(changed, from),
    );
  }

  /** Stops what a `dea.stop` names. */
  async stopMatching(filter: StopFilter, trace: Trace): Promise<void> {
    const named = this.world.registry.all().filter((instance) => stopMatches(filter, instance));
    await Promise.all(named.map((instance) => this.stop(instance, trace)));
  }

  /** Ends an instance in whatever state it is and forgets it with its files. */
  stop(instance: Instance, trace: Trace, reason: 'STOPPED' | 'DEA_SHUTDOWN' = 'STOPPED'): Promise<void> {
    const { clock, log } = this.world;
    // A second stop changes nothing, so what follows still belongs to the first.
    if (instance.state !== 'STOPPING') instance.trace = trace;
    if (isLive(instance.state)) {
      instance.stopReason = reason;
      instance.setState('STOPPING', clock.now());
      instance.startAbort.abort(new Error('stopped'));
    }
    return instance.queue.run(async () => {
      if (instance.state === 'STOPPED') return;
      try {
        const grace = instance.message.stop_grace;
        const graceMs = grace == null ? this.world.stopGraceMs : grace * 1000;
        const ended = await instance.container?.stop(graceMs);
        if (ended?.killed)
          log.warn({
            event: 'instance-killed',
            instance: instance.id,
            grace_ms: graceMs,
            trace_id: instance.trace.traceId,
          });
      } finally {
        await this.forget(instance);
      }
    });
  }

  /** New URLs, and with another version a new version and instance id, for every live instance of the application. */
  update(
    message: DeaUpdate,
    trace: Trace,
    urisChanged: (instance: Instance, added: string[], removed: string[]) => void,
  ): void {
    const { log, registry } = this.world;
    const fields = { droplet: message.droplet, trace_id: trace.traceId };
    let renamed = false;
    for (const instance of registry.all()) {
      if (!matches({ droplet: message.droplet }, instance) || !isLive(instance.state)) continue;
      const before = instance.message.uris;
      const added = message.uris.filter((uri) => !before.includes(uri));
      const removed = before.filter((uri) => !message.uris.includes(uri));
      instance.message = { ...instance.message, uris: message.uris };
      if (added.length + removed.length > 0)
        log.info({ event: 'instance-uris-changed', instance: instance.id, ...fields, added, removed });
      urisChanged(instance, added, removed);
      if (message.version == null || message.version === instance.message.version) continue;
      instance.message = { ...instance.message, version: message.version };
      instance.id = randomBytes(16).toString('hex');
      renamed = true;
    }
    this.world.changed();
    if (renamed) log.info({ event: 'instances-renamed', ...fields });
  }

  /** Stops all, side by side. */
  async stopAll(): Promise<void> {
    const live = this.world.registry.all().filter(({ state }) => state !== 'CRASHED');
    const trace = newTrace();
    await Promise.allSettled(live.map((instance) => this.stop(instance, trace, 'DEA_SHUTDOWN')));
  }

  /** Forgets crashed instances that are too old or not the newest of their application. */
  async sweep(): Promise<void> {
    const { clock, crashLifetimeMs, registry } = this.world;
    const crashed = registry.all().filter(({ state }) => state === 'CRASHED');
    const newest = new Map<string, number>();
    for (const { message, stateSinceMs } of crashed)
      newest.set(message.droplet, Math.max(stateSinceMs, newest.get(message.droplet) ?? 0));
    for (const instance of crashed) {
      const outdated = instance.stateSinceMs < (newest.get(instance.message.droplet) ?? 0);
      const old = clock.now() - instance.stateSinceMs > crashLifetimeMs;
      if (outdated || old) await this.stop(instance, newTrace());
    }
  }

  /** The application ended by itself: its files stay for the user to read. */
  exited(instance: Instance): void {
    const { clock, log, ports } = this.world;
    if (!isLive(instance.state)) return;
    // The start was done with; one that fails while it starts still belongs to it.
    if (isRouted(instance.state)) instance.trace = newTrace();
    const { traceId } = instance.trace;
    const reason = instance.exit?.reason ?? 'unknown';
    const told = { exited: 'app instance exited', unknown: 'cannot be determined' };
    instance.exitDescription ??= reason === 'exited' || reason === 'unknown' ? told[reason] : reason;
    instance.setState('CRASHED', clock.now());
    ports.release(instance.port);
    void instance.queue
      .run(async () => instance.container?.destroy())
      .catch((error: unknown) =>
        log.error({
          event: 'container-destroy-failed',
          instance: instance.id,
          trace_id: traceId,
          err: error,
        }),
      );
  }

  private async runStart(instance: Instance): Promise<void> {
    const { log } = this.world;
    try {
      await startInstance(this.world, instance, (ended) => this.exited(ended));
    } catch (error) {
      if (!isLive(instance.state)) return;
      const text = (error as Error).message;
      log.warn({
        event: 'instance-start-failed',
        instance: instance.id,
        droplet: instance.message.droplet,
        trace_id: instance.trace.traceId,
        error: text,
      });
      instance.exitDescription = text.startsWith('failed to') ? text : `failed to start: ${text}`;
      await instance.container?.destroy();
      this.exited(instance);
    }
  }

  private async forget(instance: Instance): Promise<void> {
    const { clock, ports, registry } = this.world;
    await instance.container?.destroy();
    await rm(instance.rootDir, { recursive: true, force: true, maxRetries: 3 });
    ports.release(instance.port);
    registry.remove(instance);
    if (instance.state !== 'STOPPED') instance.setState('STOPPED', clock.now());
  }
}
