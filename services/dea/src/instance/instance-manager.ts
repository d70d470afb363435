import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { newTrace } from '@vcap/bus';
import type { DeaUpdate, StartMessage, StopFilter, Trace } from '@vcap/bus';
import { crashText, measureCrash } from './crashes.ts';
import { Instance } from './instance.ts';
import type { InstanceParts, StopReason } from './instance.ts';
import { matches, stopMatches } from './filter.ts';
import type { InstanceWorld } from './parts.ts';
import { startInstance, watchStart } from './start-instance.ts';
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
    const privateInstanceId = randomBytes(32).toString('hex');
    const instance = this.make({ id, handle: id, message, privateInstanceId, trace });
    world.registry.add(instance);
    world.changed();
    void instance.queue.run(() =>
      this.attempt(instance, () => startInstance(world, instance, (ended) => this.exited(ended))),
    );
    return instance;
  }

  /** Goes on with a start that a DEA before us began: its program runs. */
  resumeStart(instance: Instance): void {
    void instance.queue.run(() =>
      this.attempt(instance, () => watchStart(this.world, instance, (ended) => this.exited(ended))),
    );
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
  stop(instance: Instance, trace: Trace, reason: StopReason = 'STOPPED'): Promise<void> {
    const { clock, evacuationDrainMs } = this.world;
    // A second stop changes nothing, so what follows still belongs to the first.
    if (instance.state !== 'STOPPING') instance.trace = trace;
    const routed = isRouted(instance.state);
    if (isLive(instance.state)) {
      instance.stopReason = reason;
      instance.setState('STOPPING', clock.now());
      instance.startAbort.abort(new Error('stopped'));
    }
    return instance.queue.run(async () => {
      if (instance.state === 'STOPPED') return;
      // The router has heard of it, but requests may be on their way.
      if (routed && reason === 'DEA_EVACUATION') await clock.sleep(evacuationDrainMs);
      const words = instance.state === 'CRASHED' ? '' : await this.end(instance);
      await this.forget(instance, words);
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
  async stopAll(reason: StopReason = 'DEA_SHUTDOWN'): Promise<void> {
    const trace = newTrace();
    await Promise.allSettled(this.world.registry.all().map((instance) => this.stop(instance, trace, reason)));
  }

  /** It runs but is of no use any more: that is a crash, and `why` is what the user reads. */
  fail(instance: Instance, why: string): void {
    if (!isRouted(instance.state)) return;
    instance.exitDescription = why;
    this.exited(instance);
  }

  /** The application ended by itself, or by a limit: its files stay for the user to read. */
  exited(instance: Instance): void {
    const { clock } = this.world;
    if (!isLive(instance.state)) return;
    // The start was done with; one that fails while it starts still belongs to it.
    if (isRouted(instance.state)) instance.trace = newTrace();
    const reason = instance.exit?.reason ?? 'unknown';
    const told = { exited: 'app instance exited', unknown: 'cannot be determined' };
    instance.exitDescription ??= reason === 'exited' || reason === 'unknown' ? told[reason] : reason;
    instance.setState('CRASHED', clock.now());
    this.releasePorts(instance);
    void instance.queue.run(() => this.keepCrash(instance));
  }

  private async attempt(instance: Instance, start: () => Promise<void>): Promise<void> {
    try {
      await start();
    } catch (error) {
      if (!isLive(instance.state)) return;
      const text = (error as Error).message;
      this.world.log.warn({
        event: 'instance-start-failed',
        instance: instance.id,
        droplet: instance.message.droplet,
        trace_id: instance.trace.traceId,
        error: text,
      });
      instance.exitDescription = /^failed (to|its) /.test(text) ? text : `failed to start: ${text}`;
      await this.keepCrash(instance);
      this.exited(instance);
    }
  }

  /** Ends what runs of a crashed instance and keeps its files. Done twice, it does nothing the second time. */
  private async keepCrash(instance: Instance): Promise<void> {
    const { log, logs } = this.world;
    try {
      await logs.finish(instance, `crashed: ${crashText(instance)}`);
      await instance.container?.destroy({ keepFiles: true });
      await measureCrash(instance);
    } catch (error) {
      log.error({
        event: 'container-destroy-failed',
        instance: instance.id,
        trace_id: instance.trace.traceId,
        err: error,
      });
    }
    this.world.changed();
  }

  /** TERM, grace, KILL. Gives the last words of its log. */
  private async end(instance: Instance): Promise<string> {
    const { log, maxStopGraceMs, stopGraceMs } = this.world;
    const grace = instance.message.stop_grace;
    const graceMs = Math.min(grace == null ? stopGraceMs : grace * 1000, maxStopGraceMs);
    const fields = { instance: instance.id, trace_id: instance.trace.traceId };
    try {
      const ended = await instance.container?.stop(graceMs);
      if (!ended?.killed) return 'stopped';
      log.warn({ event: 'instance-killed', grace_ms: graceMs, ...fields });
      return `stopped: it did not end within ${graceMs / 1000} s of TERM, KILL was needed`;
    } catch (error) {
      log.error({ event: 'container-stop-failed', ...fields, err: error });
      return 'stopped: it could not be ended in an orderly way';
    }
  }

  /** Where it fails the instance stays as it is, and the sweep tries again. */
  private async forget(instance: Instance, lastWords: string): Promise<void> {
    const { clock, log, logs, registry } = this.world;
    instance.stuck = false;
    try {
      await logs.finish(instance, lastWords);
      await instance.container?.destroy();
      await rm(instance.rootDir, { recursive: true, force: true, maxRetries: 3 });
    } catch (error) {
      instance.stuck = true;
      log.error({
        event: 'instance-forget-failed',
        instance: instance.id,
        trace_id: instance.trace.traceId,
        err: error,
      });
      return;
    }
    logs.forget(instance);
    this.releasePorts(instance);
    registry.remove(instance);
    if (instance.state !== 'STOPPED') instance.setState('STOPPED', clock.now());
  }

  private releasePorts(instance: Instance): void {
    for (const port of Object.values(instance.ports)) this.world.ports.release(port);
  }
}
