import { randomBytes } from 'node:crypto';
import type { ComponentContext, Member } from '@vcap/component';
import { Advertiser } from './adapters/advertiser.ts';
import { StagingListener } from './adapters/staging-listener.ts';
import { AppCaches } from './cache/app-caches.ts';
import { CacheMember } from './cache/cache-member.ts';
import type { StagerConfig } from './config.ts';
import { WardenMember } from './container/warden-member.ts';
import { LogServer } from './http/log-server.ts';
import { logRoutes } from './http/log-routes.ts';
import { RedisLogStore } from './log/redis-log-store.ts';
import { TaskLogs } from './log/task-logs.ts';
import { Rooms } from './task/rooms.ts';
import { stage } from './task/staging-steps.ts';
import { prepareRoom } from './task/task-host.ts';
import type { StagingHost } from './task/task-host.ts';
import { TaskManager } from './task/task-manager.ts';

const MB = 1024 * 1024;
const DAY_MS = 86_400_000;

/** Puts the stager together; members start in this order and stop in reverse. */
export const buildStager = ({
  config,
  log,
  clock,
  bus,
  identity,
  varz,
}: ComponentContext<StagerConfig>): Member[] => {
  const store = config.redis.uri === undefined ? undefined : new RedisLogStore(config.redis.uri, log);
  const logs = new TaskLogs();
  const ip = config.ip ?? identity.ip;
  const server = new LogServer(logRoutes({ logs, store, log }), { ip, port: config.port });
  const warden = new WardenMember({ clock, log, config, ip });
  const { days, total_mb: totalMb } = config.cache;
  const cacheOptions = { dir: config.cache_dir, totalBytes: totalMb * MB, maxAgeMs: days * DAY_MS };
  const caches = new AppCaches({ ...cacheOptions, clock, log });
  const rooms = new Rooms({
    baseDir: config.base_dir,
    log,
    warden: () => warden.opened.warden,
    spare: config.spare_container,
  });
  const host: StagingHost = { clock, log, config, caches, rooms, tools: () => warden.opened.tools };
  const tasks = new TaskManager({
    clock,
    log,
    logs,
    store,
    owner: identity.uuid,
    maxTasks: config.max_active_tasks,
    maxSeconds: config.max_staging_duration,
    newToken: () => randomBytes(24).toString('base64url'),
    logUrl: (taskId, token) => server.urlOf(taskId, token),
    drainSeconds: config.drain_timeout,
    stage: (request, task) => stage(request, task, host),
  });
  varz.set('isolation', () => warden.isolation ?? null);
  varz.set('isolation_reason', () => warden.reason ?? null);
  varz.set('active_tasks', () => tasks.active);
  varz.set('free_tasks', () => tasks.free);
  varz.set('tasks', () => ({ ...tasks.counters }));
  varz.set('package_caches', () => ({ ...caches.usage }));
  const members: Member[] = [
    warden,
    { name: 'rooms', start: () => prepareRoom(host), stop: () => rooms.close() },
    new CacheMember({ caches, clock, log }),
    server,
    new StagingListener({ bus, id: identity.uuid, tasks }),
    new Advertiser({
      bus,
      clock,
      log,
      id: identity.uuid,
      baseDir: config.base_dir,
      freeTasks: () => tasks.free,
      memoryPerTaskMb: config.memory_limit_mb,
      isolation: () => warden.isolation,
    }),
  ];
  if (!store) return members;
  return [{ name: 'redis', start: () => store.start(), stop: async () => store.stop() }, ...members];
};
