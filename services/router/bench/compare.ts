import { cpuMicros, median, pin, tree, wrk } from './tools.ts';
import type { Load } from './tools.ts';

/** Something that serves the same requests. */
export interface Peer {
  readonly name: string;
  readonly pid: number;
  readonly url: string;
}

/** One measurement of a peer. */
interface Round {
  readonly micros: number;
  readonly load: Load;
}

/** What came out, the first peer being the measure of all. */
export interface Row {
  readonly what: string;
  readonly goal: string;
  readonly nginxMicros: number;
  readonly micros: number;
  /** Median of the ratios within rounds. */
  readonly ratio: number;
  readonly p50: number;
  readonly p99: number;
  readonly errors: string;
}

/** Loads nginx and the router in turn, several rounds, and compares CPU per request within each round. */
export async function compare(
  what: string,
  goal: string,
  nginx: Peer,
  router: Peer,
  options: {
    rounds: number;
    seconds: number;
    connections?: number;
    headers?: readonly string[];
    /** How long the router is loaded before it counts: longer for what it does seldom. */
    warmSeconds?: number;
  },
): Promise<Row> {
  const { rounds, seconds, connections = 64, headers = [], warmSeconds = 6 } = options;
  const one = async (peer: Peer): Promise<Round> => {
    const pids = tree(peer.pid);
    const before = cpuMicros(pids);
    const load = await wrk(peer.url, { connections, seconds, headers });
    return { micros: (cpuMicros(pids) - before) / Math.max(1, load.requests), load };
  };
  for (const { pid } of [nginx, router]) pin(tree(pid), 0);
  // The JIT compiler works while the first requests are served; nginx needs no time for that.
  for (const [peer, warm] of [
    [nginx, 1],
    [router, warmSeconds],
  ] as const)
    await wrk(peer.url, { connections, seconds: warm, headers });
  const pairs: [Round, Round][] = [];
  for (let round = 0; round < rounds; round += 1) pairs.push([await one(nginx), await one(router)]);
  const of = (pick: (pair: [Round, Round]) => number): number => median(pairs.map(pick));
  return {
    what,
    goal,
    nginxMicros: of(([a]) => a.micros),
    micros: of(([, b]) => b.micros),
    ratio: of(([a, b]) => b.micros / a.micros),
    p50: of(([a, b]) => b.load.p50 / a.load.p50),
    p99: of(([a, b]) => b.load.p99 / a.load.p99),
    errors: [...new Set(pairs.flatMap((pair) => pair.map(({ load }) => load.errors)))]
      .filter(Boolean)
      .join('; '),
  };
}

/** A row as text, in the table's columns. */
export function rowText(row: Row): string {
  const { what, goal, nginxMicros, micros, ratio, p50, p99, errors } = row;
  const cells = [
    what,
    goal,
    `${ratio.toFixed(2)} ×`,
    `${micros.toFixed(1)} / ${nginxMicros.toFixed(1)} µs`,
    `${p50.toFixed(2)} ×`,
    `${p99.toFixed(2)} ×`,
    errors || '-',
  ];
  return `| ${cells.join(' | ')} |`;
}
