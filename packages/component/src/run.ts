import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Bus, vcapComponentAnnounce, vcapComponentDiscover, vcapComponentReach } from '@vcap/bus';
import type { ComponentAnnouncement, Logger } from '@vcap/bus';
import { systemClock } from '@vcap/clock';
import type { Clock } from '@vcap/clock';
import { pino } from 'pino';
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { z } from 'zod';
import { busTlsOf, checkLocalRoute, loadConfig } from './config.ts';
import type { BaseConfig } from './config.ts';
import { examine } from './doctor/examine.ts';
import { findingOf, renderFindings } from './doctor/finding.ts';
import type { Check } from './doctor/finding.ts';
import { startGroup, stopGroup } from './group.ts';
import type { Member } from './group.ts';
import { ownAddress } from './own-address.ts';
import { StatusServer } from './status-server.ts';
import { tryToReach } from './reach.ts';
import { uptimeText, timeText } from './texts.ts';

/** What a component is built from. */
export interface ComponentContext<C> {
  config: C;
  log: Logger;
  clock: Clock;
  /** Connected before the component's own members start, unless `busPatienceMs` is over before. */
  bus: Bus;
  identity: { type: string; index: number; uuid: string; ip: string };
  varz: { set(name: string, value: () => unknown): void };
  metrics: Registry;
}
export interface ComponentOptions<C> {
  /** Type on the bus: Router, CloudController, DEA, ... (nats-messages.md §2). */
  type: string;
  /** Name in logs: router, cloud-controller, ... */
  name: string;
  schema: z.ZodType<C>;
  /** How long its members wait for the bus; after that they start without it, and it is tried for. Absent: for ever. */
  busPatienceMs?: number;
  build(context: ComponentContext<C>): Member[] | Promise<Member[]>;
  /** What the join doctor looks at besides. */
  checks?: (config: C) => Check[];
}

/**
 * Runs a component from `--config <file>` until TERM or INT; sets the exit code. With `--check` it only reads the file,
 * with `--doctor` it looks whether this host can join the cluster.
 */
export async function runComponent<C>(options: ComponentOptions<C>): Promise<void> {
  try {
    await run(options);
  } catch (error) {
    process.stderr.write(`${options.name}: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}

async function run<C>(options: ComponentOptions<C>): Promise<void> {
  const { values } = parseArgs({
    options: {
      config: { type: 'string' },
      check: { type: 'boolean', default: false },
      doctor: { type: 'boolean', default: false },
      tools: { type: 'string' },
    },
    allowPositionals: false,
  });
  const file = values.config ?? `${options.name}.yml`;
  const config = loadConfig(file, options.schema, process.env);
  const common = config as unknown as BaseConfig;
  if (common.local_route !== undefined) checkLocalRoute(common.local_route, common.mbus);
  const tls = busTlsOf(common);
  if (values.check) {
    process.stdout.write(`${file} is a valid configuration of ${options.name}\n`);
    return;
  }
  const ip = common.local_route ?? (await ownAddress(common.mbus));
  checkLocalRoute(ip, common.mbus);
  if (values.doctor) {
    const findings = await examine(common, ip, values.tools);
    for (const check of options.checks?.(config) ?? []) findings.push(await findingOf(check));
    process.stdout.write(renderFindings(findings));
    process.exit(findings.some(({ outcome }) => outcome === 'bad') ? 1 : 0);
  }
  const log = pino({ level: common.logging.level, base: { component: options.name, index: common.index } });
  const uuid = `${common.index}-${randomBytes(16).toString('hex')}`;
  const started = systemClock.now();
  const bus = new Bus({
    servers: common.mbus,
    tls,
    name: `${options.name}-${common.index}`,
    log,
    clock: systemClock,
  });
  const metrics = new Registry();
  collectDefaultMetrics({ register: metrics });
  const fields = new Map<string, () => unknown>();
  const identity = { type: options.type, index: common.index, uuid, ip };
  const status = new StatusServer({
    ...identity,
    ...common.status,
    fields,
    metrics,
    clock: systemClock,
    started,
  });
  const announcement = (): ComponentAnnouncement => ({
    type: options.type,
    index: common.index,
    uuid,
    host: status.address,
    credentials: status.credentials,
    start: timeText(started),
    uptime: uptimeText(systemClock.now() - started),
  });
  fields.set('bus', () => ({ connected: bus.connected, server: bus.server, ...bus.counters() }));
  const own = await options.build({
    config,
    log,
    clock: systemClock,
    bus,
    identity,
    varz: { set: (name, value) => void fields.set(name, value) },
    metrics,
  });
  let awaited = false;
  bus.onReconnect(() => {
    if (awaited) bus.publish(vcapComponentAnnounce, announcement());
    awaited = false;
  });
  const announce: Member = {
    name: 'announce',
    start: async () => {
      bus.subscribe(vcapComponentDiscover, (_message, { reply }) => reply?.(announcement()));
      bus.subscribe(vcapComponentReach, async (there, { reply }) => {
        const outcome = await tryToReach(there.address, there.port);
        reply?.({ type: options.type, index: common.index, host: ip, ...outcome });
      });
      if (bus.connected) bus.publish(vcapComponentAnnounce, announcement());
      else awaited = true;
    },
    stop: async () => undefined,
  };
  const members: Member[] = [
    ...(common.pid === undefined ? [] : [pidFile(common.pid)]),
    status,
    { name: 'bus', start: () => startBus(bus, options.busPatienceMs), stop: () => bus.stop() },
    ...own,
    announce,
  ];
  let stopping = false;
  const stop = (signal: string): void => {
    if (stopping) return;
    stopping = true;
    log.info({ event: 'stopping', signal });
    void stopGroup(members, log).then((clean) => process.exit(clean ? 0 : 1));
  };
  const broken = (err: unknown): void => {
    log.fatal({ event: 'uncaught-error', err });
    process.exit(1);
  };
  process.on('uncaughtException', broken);
  process.on('unhandledRejection', broken);
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  await startGroup(members, log);
  log.info({ event: 'ready', status: status.address });
}

async function startBus(bus: Bus, patienceMs: number | undefined): Promise<void> {
  if (patienceMs === undefined) await bus.start();
  else await bus.startWithin(patienceMs);
}

/** Keeps the process id in a file while the component lives. */
function pidFile(path: string): Member {
  return {
    name: 'pid',
    start: async () => writeFileSync(path, `${process.pid}\n`),
    stop: async () => rmSync(path, { force: true }),
  };
}
