import { z } from 'zod';
import type { StatsReport } from '../plane/stats.ts';

/** Lua does not tell an empty list from an empty table. */
function list<T extends z.ZodType>(of: T): z.ZodType<z.output<T>[]> {
  return z.preprocess((value) => (isEmpty(value) ? [] : value), z.array(of));
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

const tally = z.object({
  counts: z.array(z.number()),
  seconds: z.array(z.number()),
  samples: list(z.number()),
});

/** What a worker of nginx tells of its requests, once a second. */
const reportSchema = z.object({
  pid: z.int(),
  total: tally,
  endpoints: list(z.object({ app: z.string().optional(), component: z.string().optional(), tally })),
  errors: z.record(z.string(), z.number()),
  /** Addresses that failed and wait for their next registration. */
  aside: list(z.string()),
  /** Running requests and tunnels. */
  active: z.number(),
});

/** One report in the planes' common words. */
export interface WorkerReport {
  readonly pid: number;
  readonly aside: readonly string[];
  readonly active: number;
  readonly stats: StatsReport;
}

/** Reads a report; undefined when it is none. */
export function parseReport(text: string): WorkerReport | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { data } = reportSchema.safeParse(parsed);
  if (data === undefined) return undefined;
  const { pid, aside, active, total, endpoints, errors } = data;
  return {
    pid,
    aside,
    active,
    stats: {
      total,
      endpoints: endpoints.map((each) => ({ app: each.app, component: each.component, tally: each.tally })),
      errors,
      rejected: 0,
      active,
      clientConnections: 0,
      backendConnections: 0,
      accessLogDropped: 0,
    },
  };
}
