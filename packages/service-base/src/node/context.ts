import type { Bus, Logger, Trace } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import type { NodeConfig } from './config.ts';
import type { Lanes } from './lanes.ts';
import type { Node } from './node.ts';
import type { SqliteRegistry } from './sqlite-registry.ts';
import type { Work } from './types.ts';

/** What the parts of a node share. */
export interface NodeContext {
  readonly serviceName: string;
  readonly node: Node;
  readonly config: NodeConfig;
  readonly registry: SqliteRegistry;
  readonly lanes: Lanes;
  readonly bus: Bus;
  readonly log: Logger;
  readonly clock: Clock;
  work(what: string, signal: AbortSignal, trace: Trace): Work;
}
