import type { Snapshot } from '@vcap/service-api';
import { ServiceError, serviceErrors } from '@vcap/service-api';
import type { Redis } from 'ioredis';
import { z } from 'zod';

const recordSchema = z.looseObject({
  snapshot_id: z.string(),
  size: z.number(),
  date: z.string(),
  name: z.string(),
  /** Key in the blobstore. */
  file: z.string(),
  sha1: z.string(),
  /** Who shows it may download the file. */
  token: z.string().optional(),
});
export type SnapshotRecord = z.infer<typeof recordSchema>;

const key = (serviceId: string): string => `vcap:snapshot:${serviceId}`;

/** Sets a field only where the record still is: a name never brings a deleted snapshot back. */
const PATCH = `
  local old = redis.call('HGET', KEYS[1], ARGV[1])
  if not old then return 0 end
  local record = cjson.decode(old)
  record[ARGV[2]] = ARGV[3]
  redis.call('HSET', KEYS[1], ARGV[1], cjson.encode(record))
  return 1
`;

/** The list of snapshots of each instance, in Redis (services.md §6). */
export class SnapshotStore {
  readonly #redis: Redis;

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  /** Ids are numbers as text, global over all services. */
  async nextId(): Promise<string> {
    return String(await this.#redis.incr('vcap:snapshot:maxid'));
  }

  /** In the order they were made. */
  async list(serviceId: string): Promise<SnapshotRecord[]> {
    const all = Object.values(await this.#redis.hgetall(key(serviceId))).map(parse);
    return all
      .filter((record) => record !== undefined)
      .toSorted((a, b) => Number(a.snapshot_id) - Number(b.snapshot_id));
  }

  async find(serviceId: string, snapshotId: string): Promise<SnapshotRecord | undefined> {
    const text = await this.#redis.hget(key(serviceId), snapshotId);
    return text === null ? undefined : parse(text);
  }

  /** 30300 when there is none. */
  async get(serviceId: string, snapshotId: string): Promise<SnapshotRecord> {
    const record = await this.find(serviceId, snapshotId);
    if (record) return record;
    throw new ServiceError(serviceErrors.notFound, `snapshot ${snapshotId}`);
  }

  async save(serviceId: string, record: SnapshotRecord): Promise<void> {
    await this.#redis.hset(key(serviceId), record.snapshot_id, JSON.stringify(record));
  }

  /** 30300 when there is none. */
  async set(serviceId: string, snapshotId: string, field: 'name' | 'token', value: string): Promise<void> {
    const done = await this.#redis.eval(PATCH, 1, key(serviceId), snapshotId, field, value);
    if (done !== 1) throw new ServiceError(serviceErrors.notFound, `snapshot ${snapshotId}`);
  }

  async remove(serviceId: string, snapshotId: string): Promise<void> {
    await this.#redis.hdel(key(serviceId), snapshotId);
  }
}

/** What the user sees of it. */
export function shown({ snapshot_id, date, size, name }: SnapshotRecord): Snapshot {
  return { snapshot_id, date, size, name };
}

function parse(text: string): SnapshotRecord | undefined {
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
