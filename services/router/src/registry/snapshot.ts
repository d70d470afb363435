import type { Logger } from '@vcap/bus';
import type { Clock, Timer } from '@vcap/clock';
import type { Member } from '@vcap/component';
import { createReadStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setImmediate as turn } from 'node:timers/promises';
import { z } from 'zod';
import type { Registry } from './registry.ts';

/** What the snapshot needs; times in milliseconds. */
export interface SnapshotOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly registry: Registry;
  readonly path: string;
  readonly intervalMs: number;
  /** An older one says too little about who lives behind an address now, and is not used. */
  readonly maxAgeMs: number;
}

const headSchema = z.object({ version: z.literal(1), at: z.number() });
const lineSchema = z.object({
  host: z.string().min(1),
  port: z.int().min(1).max(65_535),
  uris: z.array(z.string()).min(1),
  app: z.string().optional(),
  id: z.string().optional(),
  index: z.string().optional(),
  component: z.string().optional(),
  updatedAt: z.number().optional(),
  aside: z.boolean().optional(),
  dea: z.string().optional(),
  identityPort: z.int().min(1).max(65_535).optional(),
});

const sliceSize = 1000;

/**
 * Keeps the routes in a file, so that a router that starts again serves at once. What it finds there has to be
 * confirmed by a registration soon, or it goes. A line for each backend, the date first; written beside the old one and
 * then put in its place.
 */
export class Snapshot implements Member {
  readonly name = 'route-snapshot';
  readonly #options: SnapshotOptions;
  #timer: Timer | undefined;
  #revision = -1;
  /** Of the routes in the file: until when the bus had told us of them, in ms since the epoch. */
  #at = 0;
  #started = false;
  #saving: Promise<void> | undefined;

  constructor(options: SnapshotOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { clock, intervalMs, log, path } = this.#options;
    this.#at = clock.now();
    try {
      const restored = await this.#load();
      if (restored > 0) log.info({ event: 'routes-restored', backends: restored });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        log.warn({ event: 'snapshot-unusable', path, err: error });
    }
    this.#started = true;
    this.#timer = clock.setInterval(() => void this.save(), intervalMs);
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    await this.#saving;
    // One that was stopped before it had read the file knows nothing that is worth to be in its place.
    if (this.#started) await this.save();
  }

  /** Writes the routes if they changed, or if what is said of their age is long out of date. A full disk is logged, never fatal. */
  save(): Promise<void> {
    const { clock, registry, log, path, maxAgeMs } = this.#options;
    const { revision, msSinceLastMessage: quietMs } = registry;
    // While nobody heard anything the routes grow no younger by being written down.
    const at = quietMs === undefined ? this.#at : clock.now() - quietMs;
    const current = revision === this.#revision && at - this.#at < maxAgeMs / 4;
    if (this.#saving !== undefined || current) return this.#saving ?? Promise.resolve();
    this.#saving = this.#write(at)
      .then(() => {
        this.#revision = revision;
        this.#at = at;
      })
      .catch((error: unknown) => log.error({ event: 'snapshot-failed', path, err: error }))
      .finally(() => {
        this.#saving = undefined;
      });
    return this.#saving;
  }

  async #write(at: number): Promise<void> {
    const { registry, path } = this.#options;
    const beside = `${path}.${process.pid}.new`;
    const file = await open(beside, 'w', 0o600);
    try {
      let text = `${JSON.stringify({ version: 1, at })}\n`;
      let count = 0;
      for (const { facts, places, updatedAt, witness } of registry.entries()) {
        const { host, port, app, privateInstanceId: id, index, component } = facts;
        const uris = places.map(({ route }) => route.key);
        const aside = registry.isAside(facts.address) || undefined;
        const who = { app, id, index, component, dea: witness?.dea, identityPort: witness?.port };
        text += `${JSON.stringify({ host, port, uris, ...who, updatedAt, aside })}\n`;
        count += 1;
        if (count % sliceSize !== 0) continue;
        await file.write(text);
        text = '';
      }
      await file.write(text);
      await file.sync();
      await file.close();
      await rename(beside, path);
    } catch (error) {
      await file.close().catch(() => undefined);
      await rm(beside, { force: true });
      throw error;
    }
  }

  async #load(): Promise<number> {
    const { clock, log, registry, path, maxAgeMs } = this.#options;
    let count = 0;
    let bad = 0;
    let dated = false;
    for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
      if (!dated) {
        const head = headSchema.safeParse(parsed(line));
        const age = head.success ? clock.now() - head.data.at : Infinity;
        if (age > maxAgeMs || age < -maxAgeMs) {
          log.warn({ event: 'snapshot-too-old', path });
          return 0;
        }
        dated = true;
        this.#at = head.success ? head.data.at : this.#at;
        continue;
      }
      const found = lineSchema.safeParse(parsed(line));
      if (found.success) {
        const { id: privateInstanceId, aside, ...rest } = found.data;
        registry.restore({ ...rest, privateInstanceId }, aside);
        count += 1;
      } else bad += 1;
      if (count % sliceSize === 0) await turn();
    }
    if (bad > 0) log.warn({ event: 'snapshot-lines-unusable', path, lines: bad });
    return count;
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
