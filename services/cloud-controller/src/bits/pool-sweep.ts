import { text } from 'node:stream/consumers';
import type { Blobstore } from '@vcap/blobstore';
import type { Clock, Timer } from '@vcap/clock';
import type { Logger } from '@vcap/bus';
import type { Member } from '@vcap/component';
import { z } from 'zod';
import { inLanes } from './in-lanes.ts';

const SWEEP_EVERY_MS = 6 * 60 * 60 * 1000;
const FIRST_AFTER_MS = 10 * 60 * 1000;
const LANES = 16;

/** What the pool may keep. */
export interface PoolBudget {
  /** Files that no application has any more go after this time; in milliseconds. */
  expireMs: number;
  /** Over all organizations; beyond it the oldest go first, those that no application has before the others. */
  maxBytes: number;
}

interface Entry {
  key: string;
  changedAt: number;
  size: number;
  used: boolean;
}

const fileList = z.object({ resources: z.array(z.object({ sha1: z.string() })) });

/**
 * One sweep of the pool of files. What is swept between a client's question and its upload is reported by the upload
 * and sent again; so it needs no lock, and several controllers may sweep at once.
 */
export async function sweepPool(
  blobstore: Blobstore,
  budget: PoolBudget,
  now: number,
): Promise<{ removed: number; keptBytes: number }> {
  const used = await usedHashes(blobstore);
  const entries: Entry[] = [];
  let removed = 0;
  await inLanes(await blobstore.list('resources'), LANES, async ({ key, changedAt }) => {
    const isUsed = used.has(key.slice(key.lastIndexOf('/') + 1));
    if (!isUsed && now - changedAt > budget.expireMs) {
      await blobstore.delete(key);
      removed += 1;
      return;
    }
    const size = (await blobstore.head(key))?.size;
    if (size !== undefined) entries.push({ key, changedAt, size, used: isUsed });
  });
  let keptBytes = entries.reduce((sum, { size }) => sum + size, 0);
  const order = entries.toSorted(
    (a, b) => Number(a.used) - Number(b.used) || a.changedAt - b.changedAt || (a.key < b.key ? -1 : 1),
  );
  for (const { key, size } of order) {
    if (keptBytes <= budget.maxBytes) break;
    await blobstore.delete(key);
    removed += 1;
    keptBytes -= size;
  }
  return { removed, keptBytes };
}

/** The content of all applications' present packages. */
async function usedHashes(blobstore: Blobstore): Promise<Set<string>> {
  const used = new Set<string>();
  await inLanes(await blobstore.list('file-lists'), LANES, async ({ key }) => {
    const blob = await blobstore.open(key);
    if (!blob) return;
    const list = fileList.safeParse(parse(await text(blob.body)));
    for (const { sha1 } of list.data?.resources ?? []) used.add(sha1);
  });
  return used;
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

/** Sweeps the pool some minutes after the start and then four times a day. */
export class PoolSweeper implements Member {
  readonly name = 'resource-pool-sweeper';
  readonly #o: { blobstore: Blobstore; budget: PoolBudget; clock: Clock; log: Logger };
  #timer: Timer | undefined;
  #sweeping: Promise<void> = Promise.resolve();

  constructor(o: { blobstore: Blobstore; budget: PoolBudget; clock: Clock; log: Logger }) {
    this.#o = o;
  }

  async start(): Promise<void> {
    this.#schedule(FIRST_AFTER_MS);
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#sweeping;
  }

  #schedule(afterMs: number): void {
    this.#timer = this.#o.clock.setTimeout(() => {
      this.#sweeping = this.#sweep();
    }, afterMs);
  }

  async #sweep(): Promise<void> {
    const { blobstore, budget, clock, log } = this.#o;
    try {
      log.info({ event: 'resource-pool-swept', ...(await sweepPool(blobstore, budget, clock.now())) });
    } catch (err) {
      log.warn({ event: 'resource-pool-not-swept', err });
    }
    if (this.#timer) this.#schedule(SWEEP_EVERY_MS);
  }
}
