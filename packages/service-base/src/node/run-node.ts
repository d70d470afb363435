import { checksOfBlobstore, createBlobstore } from '@vcap/blobstore';
import type { Trace } from '@vcap/bus';
import { runComponent } from '@vcap/component';
import type { ComponentContext, Member } from '@vcap/component';
import type { z } from 'zod';
import { JobWorker } from '../jobs/job-worker.ts';
import { Announcer } from './announcer.ts';
import { Backups } from './backups.ts';
import { Capacity, capacityFigures } from './capacity.ts';
import type { NodeConfig } from './config.ts';
import type { NodeContext } from './context.ts';
import { Housekeeping } from './housekeeping.ts';
import { Lanes } from './lanes.ts';
import { MigrationListener } from './migration-listener.ts';
import type { Node } from './node.ts';
import { Operations } from './operations.ts';
import { OrphanReporter } from './orphan-reporter.ts';
import { RequestListener } from './request-listener.ts';
import { SqliteRegistry } from './sqlite-registry.ts';
import type { Work } from './types.ts';
import { makeWork } from './works.ts';
import type { OnStep } from './works.ts';

export interface NodeOptions<C extends NodeConfig> {
  /** First word of the service's subjects, such as `MyaaS`. */
  serviceName: string;
  create: (context: ComponentContext<C>) => Node;
  /** For fault tests: called between every two statements that change something. */
  onStep?: OnStep;
}

/** Runs a node as a process of its own, from `--config <file>` until TERM or INT. */
export async function runNode<C extends NodeConfig>(
  options: NodeOptions<C> & { name: string; schema: z.ZodType<C> },
): Promise<void> {
  await runComponent<C>({
    type: `${options.serviceName}-Node`,
    name: options.name,
    schema: options.schema,
    build: (context) => buildNode(context, options),
    checks: ({ blobstore }) => checksOfBlobstore(blobstore),
  });
}

/** The members of a node, in their order: what is left of the last life is repaired before a request is taken. */
export function buildNode<C extends NodeConfig>(
  component: ComponentContext<C>,
  options: NodeOptions<C>,
): Member[] {
  const { config, bus, log, clock, varz } = component;
  const node = options.create(component);
  const registry = new SqliteRegistry(config.local_db);
  const context: NodeContext = {
    serviceName: options.serviceName,
    node,
    config,
    registry,
    lanes: new Lanes(config.max_parallel),
    bus,
    log,
    clock,
    work: (what: string, signal: AbortSignal, trace: Trace): Work =>
      makeWork({ what, trace, log, signal, onStep: options.onStep }),
  };
  const capacity = new Capacity(context);
  const operations = new Operations(context, capacity);
  const requests = new RequestListener(context, operations, new Backups(context));
  const store = config.blobstore && createBlobstore(config.blobstore, { clock, log });
  const jobs = config.redis && store && new JobWorker(context, { redisUri: config.redis.uri, store });
  const announcer = new Announcer(context, capacity);
  const housekeeping = new Housekeeping(context, operations, varz);
  for (const key of capacityFigures) varz.set(key, () => capacity.varz()[key]);
  for (const key of ['provision_served', 'binding_served', 'undone'] as const) {
    varz.set(key, () => operations.counters[key]);
  }
  if (jobs) varz.set('jobs', () => jobs.counters);
  return [
    { name: 'registry', start: async () => registry.open(), stop: async () => registry.close() },
    { name: 'service', start: () => node.start(registry), stop: () => node.stop() },
    housekeeping,
    requests,
    new MigrationListener(context, { operations, requests, store }),
    new OrphanReporter(context),
    ...(jobs ? [jobs] : []),
    announcer,
  ];
}
