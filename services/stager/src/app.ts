import { randomBytes } from 'node:crypto';
import type { ComponentContext, Member } from '@vcap/component';
import { Advertiser } from './adapters/advertiser.ts';
import { StagingListener } from './adapters/staging-listener.ts';
import type { StagerConfig } from './config.ts';
import { LogServer } from './http/log-server.ts';
import { logRoutes } from './http/log-routes.ts';
import { RedisLogStore } from './log/redis-log-store.ts';
import { TaskLogs } from './log/task-logs.ts';
import { stage } from './task/staging-steps.ts';
import { TaskManager } from './task/task-manager.ts';
import { Workspaces } from './task/workspaces-member.ts';

/** Puts the stager together; members start in this order and stop in reverse. */
export const buildStager = ({
  config,
  log,
  clock,
  bus,
  identity,
  varz,
}: ComponentContext<StagerConfig>): Member[] => {
  const baseDir = config.base_dir;
  const cacheDir = config.cache_dir;
  const store = config.redis.uri === undefined ? undefined : new RedisLogStore(config.redis.uri, log);
  const logs = new TaskLogs();
  const server = new LogServer(logRoutes({ logs, store, log }), {
    ip: config.ip ?? identity.ip,
    port: config.port,
  });
  const workspaces = new Workspaces({ baseDir, cacheDir, log });
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
    stage: (request, task) =>
      stage(request, task, {
        clock,
        baseDir,
        cacheDir,
        diskLimitMb: config.disk_limit_mb,
        memoryLimitMb: config.memory_limit_mb,
        compileEnv: config.compile_env,
        user: workspaces.user,
      }),
  });
  varz.set('active_tasks', () => tasks.active);
  varz.set('free_tasks', () => tasks.free);
  varz.set('tasks', () => ({ ...tasks.counters }));
  const members: Member[] = [
    workspaces,
    server,
    new StagingListener({ bus, id: identity.uuid, tasks }),
    new Advertiser({
      bus,
      clock,
      log,
      id: identity.uuid,
      baseDir,
      freeTasks: () => tasks.free,
      memoryPerTaskMb: config.memory_limit_mb,
    }),
  ];
  if (!store) return members;
  return [{ name: 'redis', start: () => store.start(), stop: async () => store.stop() }, ...members];
};
