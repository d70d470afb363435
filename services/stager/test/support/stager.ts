import { join } from 'node:path';
import { systemClock } from '@vcap/clock';
import { Bus, newTrace, stagingStart } from '@vcap/bus';
import type { StagingReply, StagingStart } from '@vcap/bus';
import type { Member } from '@vcap/component';
import { pino } from 'pino';
import { buildStager } from '../../src/app.ts';
import type { StagerConfig } from '../../src/config.ts';

export const quiet = pino({ level: 'silent' });

/** A stager in this process, on a real bus. */
export interface RunningStager {
  readonly id: string;
  readonly bus: Bus;
  /** Sends a start message; `replies` grows, `done` resolves at the second reply or an early refusal. */
  stage(request: StagingStart, timeoutMs?: number): { replies: StagingReply[]; done: Promise<StagingReply> };
  drain(): Promise<void>;
  stop(): Promise<void>;
}

export const startStager = async (o: {
  natsUrl: string;
  redisUrl?: string;
  dir: string;
  id?: string;
  config?: Partial<StagerConfig>;
}): Promise<RunningStager> => {
  const id = o.id ?? 'stager-1';
  const bus = new Bus({ servers: [o.natsUrl], name: id, log: quiet, clock: systemClock });
  const client = new Bus({ servers: [o.natsUrl], name: 'controller', log: quiet, clock: systemClock });
  const config = {
    port: 0,
    redis: { uri: o.redisUrl },
    max_active_tasks: 4,
    base_dir: join(o.dir, 'base'),
    cache_dir: join(o.dir, 'cache'),
    max_staging_duration: 60,
    memory_limit_mb: 1024,
    disk_limit_mb: 64,
    compile_env: ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'PIP_CERT', 'npm_config_registry'],
    ...o.config,
  } as unknown as StagerConfig;
  const members: Member[] = buildStager({
    config,
    log: quiet,
    clock: systemClock,
    bus,
    identity: { type: 'Stager', index: 0, uuid: id, ip: '127.0.0.1' },
    varz: { set: () => undefined },
  } as unknown as Parameters<typeof buildStager>[0]);
  await bus.start();
  await client.start();
  for (const member of members) await member.start();
  return {
    id,
    bus: client,
    stage: (request, timeoutMs = 30_000) => {
      const replies: StagingReply[] = [];
      const done = client
        .requestStream(stagingStart.for(id), request, {
          timeoutMs,
          trace: newTrace(),
          onReply: (reply) => (replies.push(reply) === 2 || reply.error ? 'done' : 'more'),
        })
        .then(() => {
          const last = replies.at(-1);
          if (!last) throw new Error('the stager did not answer');
          return last;
        });
      return { replies, done };
    },
    drain: async () => {
      for (const member of members.toReversed()) await member.drain?.();
    },
    stop: async () => {
      for (const member of members.toReversed()) await member.stop();
      await bus.stop();
      await client.stop();
    },
  };
};

/** A valid start message, changed where the test cares. */
export const startMessage = (
  uris: { downloadUri: string; uploadUri: string },
  o: { taskId?: string; appId?: string; framework?: string; command?: string; timeoutSeconds?: number } = {},
): StagingStart => ({
  app_id: o.appId ?? 'app-1',
  task_id: o.taskId ?? 'task-1',
  properties: {
    services: [],
    framework: o.framework ?? 'node',
    runtime: null,
    buildpack: null,
    resources: { memory: 64, disk: 64, fds: 256 },
    environment: ['GREETING=hello'],
    meta: o.command === undefined ? {} : { command: o.command },
  },
  download_uri: uris.downloadUri,
  upload_uri: uris.uploadUri,
  buildpack_cache_upload_uri: null,
  timeout_seconds: o.timeoutSeconds ?? 60,
});
