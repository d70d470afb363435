import { randomInt } from 'node:crypto';
import { join, resolve } from 'node:path';
import { markModuleBoundary } from '@vcap/component';
import type { ComponentContext, Member } from '@vcap/component';
import { Evacuation } from './bus/evacuation.ts';
import type { DeaFacts } from './bus/messages.ts';
import { Presence } from './bus/presence.ts';
import { Reporter } from './bus/reporter.ts';
import { chooseWarden } from './choose-warden.ts';
import type { DeaConfig } from './config.ts';
import { containerDefaults, logSettings } from './settings.ts';
import { DropletCache } from './droplets/droplet-cache.ts';
import { FileServer } from './files/file-server.ts';
import { Housekeeping } from './instance/housekeeping.ts';
import { InstanceManager } from './instance/instance-manager.ts';
import { Liveness } from './instance/liveness.ts';
import type { InstanceWorld } from './instance/parts.ts';
import { Registry } from './instance/registry.ts';
import { lineOf } from './instance/state-lines.ts';
import { LogHub } from './logs/log-hub.ts';
import { registerFigures } from './metrics.ts';
import { PortPool } from './placement/port-pool.ts';
import { applicationPath, findRuntimes } from './runtimes/runtimes.ts';
import { SnapshotFile } from './snapshot/snapshot-file.ts';
import { loadSnapshot, snapshotOf } from './snapshot/snapshot.ts';

const MEGABYTE = 1024 * 1024;

/** Builds the DEA: droplets, file server, instances, presence on the bus, in their order of start. */
export async function buildDea(context: ComponentContext<DeaConfig>): Promise<Member[]> {
  const { bus, clock, config, identity, log } = context;
  const baseDir = resolve(config.base_dir);
  const snapshotFile = new SnapshotFile(join(baseDir, 'db/instances.json'));
  const snapshot = await loadSnapshot(snapshotFile, log);
  const runtimes = await findRuntimes(config.runtimes, log);
  const { warden, reason } = await chooseWarden({
    clock,
    log,
    config,
    stateDir: join(baseDir, 'warden'),
    ip: identity.ip,
  });
  const registry = new Registry();
  const logs = new LogHub({ clock, log, dir: join(baseDir, 'logs'), ...logSettings(config) });
  const files = new FileServer({
    log,
    host: identity.ip,
    port: config.file_server_port,
    lastPort: snapshot?.file_server_port,
    rootOf: (id) => registry.byId(id)?.rootDir,
    logOf: (id) => {
      const instance = registry.byId(id);
      const there = instance && logs.of(instance.handle);
      return there ? { index: instance.message.index, log: there } : logs.gone(id);
    },
    deaId: () => facts().id,
    knowsInstances: () => reporter.listening,
    holds: (port, privateInstanceId) => registry.holds(port, privateInstanceId),
  });
  const facts = (): DeaFacts => ({
    id: snapshot?.dea_id ?? identity.uuid,
    index: identity.index,
    ip: identity.ip,
    memoryMb: config.resources.memory_mb,
    diskMb: config.resources.disk_mb,
    zone: config.placement_properties.zone,
    isolation: warden.isolation,
    runtimes,
    files,
  });
  const reporter = new Reporter(bus, log, facts, registry);
  const save = (): Promise<void> =>
    snapshotFile
      .save(() => snapshotOf(facts().id, registry, { fileServer: files.port, next: ports.nextPort }))
      .catch((error: unknown) => log.error({ event: 'snapshot-failed', err: error }));
  const droplets = new DropletCache({
    clock,
    log,
    dir: join(baseDir, 'droplets'),
    tmpDir: join(baseDir, 'tmp'),
    maxBytes: config.droplet_cache_mb * MEGABYTE,
  });
  const ports = new PortPool(
    clock,
    config.port_range,
    config.port_cooldown * 1000,
    snapshot?.next_port ?? randomInt(config.port_range.first, config.port_range.last + 1),
  );
  const world: InstanceWorld = {
    clock,
    log,
    registry,
    warden,
    ports,
    droplets,
    logs,
    instancesDir: join(baseDir, 'instances'),
    host: identity.ip,
    path: applicationPath(runtimes),
    containers: containerDefaults(config, runtimes),
    healthCheckTimeoutMs: config.health_check_timeout * 1000,
    checkTimeoutMs: config.liveness.timeout * 1000,
    stopGraceMs: config.stop_grace * 1000,
    maxStopGraceMs: config.max_stop_grace * 1000,
    evacuationDrainMs: config.evacuation.drain * 1000,
    stateChanged: (instance, from) => {
      reporter.stateChanged(instance, from);
      liveness.follow(instance);
      const line = lineOf(instance, from);
      if (line !== undefined) logs.note(instance, line);
      void save();
      evacuation.follow(instance);
    },
    changed: () => void save(),
  };
  const manager = new InstanceManager(world);
  const liveness = new Liveness({
    clock,
    host: identity.ip,
    intervalMs: config.liveness.interval * 1000,
    timeoutMs: config.liveness.timeout * 1000,
    failures: config.liveness.failures,
    dead: (instance, why) => manager.fail(instance, why),
  });
  const housekeeping = new Housekeeping({
    world,
    manager,
    liveness,
    snapshot,
    save,
    sweepMs: config.crash_sweep * 1000,
    crashes: {
      lifetimeMs: config.crash_lifetime * 1000,
      perApp: config.crashes_per_app,
      maxBytes: config.crash_disk_mb * MEGABYTE,
    },
    stopOnShutdown: config.stop_instances_on_shutdown,
  });
  const presence = new Presence({
    bus,
    clock,
    log,
    facts,
    registry,
    manager,
    reporter,
    heartbeatMs: config.intervals.heartbeat * 1000,
    advertiseMs: config.intervals.advertise * 1000,
  });
  const evacuation = new Evacuation({
    bus,
    clock,
    log,
    registry,
    manager,
    deaId: () => facts().id,
    sayGoodbye: () => presence.sayGoodbye(),
    heartbeat: () => reporter.heartbeat(),
    bailOutMs: config.evacuation.bail_out_time * 1000,
    ...(config.evacuation.alone_time !== undefined && { aloneMs: config.evacuation.alone_time * 1000 }),
    done: () => process.kill(process.pid, 'SIGTERM'),
  });
  registerFigures(context, facts, registry, reason);
  return [
    { name: 'module-boundary', start: () => markModuleBoundary(baseDir), stop: async () => undefined },
    { name: 'droplets', start: () => droplets.start(), stop: async () => undefined },
    files,
    housekeeping,
    presence,
    evacuation,
  ];
}
