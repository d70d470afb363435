import { join } from 'node:path';
import type { Clock } from '@vcap/clock';
import { systemClock, SystemClock } from '@vcap/clock';
import { Bus, newTrace, stagingAdvertise, stagingLocate, stagingStart } from '@vcap/bus';
import type { StagingReply, StagingStart, Trace } from '@vcap/bus';
import type { Member } from '@vcap/component';
import { pino } from 'pino';
import type { z } from 'zod';
import { buildStager } from '../../src/app.ts';
import { stagerConfigSchema } from '../../src/config.ts';
import { eventually } from './eventually.ts';

type StagerConfigInput = z.input<typeof stagerConfigSchema>;

const quiet = pino({ level: 'silent' });

/** Real time in which no pause takes long. */
export const hastyClock: Clock = new (class extends SystemClock {
  override sleep(_ms: number, signal?: AbortSignal): Promise<void> {
    return super.sleep(1, signal);
  }
})();

/** How a task is asked for. */
export interface StageOptions {
  /** Longest silence; below Jest's own limit by default. */
  readonly timeoutMs?: number;
  readonly trace?: Trace;
}

/** A stager in this process, on a real bus. */
export interface RunningStager {
  readonly id: string;
  readonly bus: Bus;
  /** What it logged. */
  readonly lines: Record<string, unknown>[];
  /** A figure of /varz. */
  varz(name: string): unknown;
  /**
   * Sends a start message; `replies` grows, `done` resolves at the second reply or an early refusal and rejects when
   * there is none of them in time.
   */
  stage(request: StagingStart, o?: StageOptions): { replies: StagingReply[]; done: Promise<StagingReply> };
  drain(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts it; when this resolves the server of the bus knows all that it listens to. */
export const startStager = async (o: {
  natsUrl: string;
  redisUrl?: string;
  dir: string;
  id?: string;
  /** Plain processes unless it says otherwise. */
  config?: Partial<StagerConfigInput>;
  clock?: Clock;
}): Promise<RunningStager> => {
  const id = o.id ?? 'stager-1';
  const lines: Record<string, unknown>[] = [];
  const log = pino(
    { level: 'debug' },
    { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
  );
  const bus = new Bus({ servers: [o.natsUrl], name: id, log, clock: systemClock });
  const client = new Bus({ servers: [o.natsUrl], name: 'controller', log: quiet, clock: systemClock });
  const config = stagerConfigSchema.parse({
    mbus: o.natsUrl,
    redis: { uri: o.redisUrl },
    base_dir: join(o.dir, 'base'),
    cache_dir: join(o.dir, 'cache'),
    disk_limit_mb: 64,
    drain_timeout: 40,
    isolation: 'process',
    ...o.config,
  });
  const figures = new Map<string, () => unknown>();
  const members: Member[] = buildStager({
    config,
    log,
    clock: o.clock ?? systemClock,
    bus,
    identity: { type: 'Stager', index: 0, uuid: id, ip: '127.0.0.1' },
    varz: { set: (name: string, value: () => unknown) => void figures.set(name, value) },
  } as unknown as Parameters<typeof buildStager>[0]);
  const stopped = new AbortController();
  await bus.start();
  await client.start();
  for (const member of members) await member.start();
  await untilHeard(client, id);
  return {
    id,
    bus: client,
    lines,
    varz: (name) => figures.get(name)?.(),
    stage: (request, { timeoutMs = 50_000, trace = newTrace() } = {}) => {
      const replies: StagingReply[] = [];
      const done = client
        .requestStream(stagingStart.for(id), request, {
          timeoutMs,
          trace,
          signal: stopped.signal,
          onReply: (reply) => (replies.push(reply) === 2 || reply.error ? 'done' : 'more'),
        })
        .then((how) => {
          const last = replies.at(-1);
          if (!last) throw new Error('the stager did not answer');
          if (how === 'timeout') throw new Error(`the stager did not finish ${request.task_id}`);
          return last;
        });
      // A test that does not wait for the end does not ask how it was either.
      done.catch(() => undefined);
      return { replies, done };
    },
    drain: async () => {
      for (const member of members.toReversed()) await member.drain?.();
    },
    stop: async () => {
      for (const member of members.toReversed()) await member.stop();
      await bus.stop();
      await client.stop();
      stopped.abort();
    },
  };
};

/** Subscriptions are on their way to the server for a while; the one that is answered here was sent last. */
const untilHeard = async (client: Bus, id: string): Promise<void> => {
  let heard = false;
  const subscription = client.subscribe(stagingAdvertise, (advert) => {
    heard ||= advert.id === id;
  });
  await eventually(() => {
    if (!heard) client.publish(stagingLocate, {});
    return heard;
  });
  subscription.unsubscribe();
};

/** A valid start message, changed where the test cares. */
export const startMessage = (
  uris: { downloadUri: string; uploadUri: string },
  o: {
    taskId?: string;
    appId?: string;
    framework?: string;
    command?: string;
    timeoutSeconds?: number;
    environment?: string[];
  } = {},
): StagingStart => ({
  app_id: o.appId ?? 'app-1',
  task_id: o.taskId ?? 'task-1',
  properties: {
    services: [],
    framework: o.framework ?? 'node',
    runtime: null,
    buildpack: null,
    resources: { memory: 64, disk: 64, fds: 256 },
    environment: ['GREETING=hello', ...(o.environment ?? [])],
    meta: o.command === undefined ? {} : { command: o.command },
  },
  download_uri: uris.downloadUri,
  upload_uri: uris.uploadUri,
  buildpack_cache_upload_uri: null,
  timeout_seconds: o.timeoutSeconds ?? 60,
});
