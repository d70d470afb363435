import type { AppRecord } from '../ports.ts';

/** The app JSON of API v1 (reference §1.2a). `running` is null where nobody knows; `shortage`: what no DEA has for it. */
export function presentApp(
  app: AppRecord,
  running: number | null,
  shortage?: string,
): Record<string, unknown> {
  return {
    name: app.name,
    staging: { model: app.framework, stack: app.runtime },
    uris: app.uris,
    instances: app.instances,
    runningInstances: running,
    resources: { memory: app.memoryMb, disk: app.diskMb, fds: app.fds },
    state: app.state,
    services: app.services,
    version: app.version,
    ...(app.stagingError !== null && { staging_error: app.stagingError }),
    ...(shortage !== undefined && { placement_error: shortage }),
    env: app.env,
    meta: {
      debug: app.debug,
      console: app.console,
      ...(app.command !== null && { command: app.command }),
      version: app.metaVersion,
      created: Math.floor(app.createdAt / 1000),
    },
  };
}

/** One entry of the bulk API, keyed by GUID there (nats-messages §1.9, era C). */
export function presentBulkApp(app: AppRecord): Record<string, unknown> {
  return {
    id: app.guid,
    name: app.name,
    instances: app.instances,
    framework: app.framework,
    runtime: app.runtime,
    state: app.state,
    memory: app.memoryMb,
    package_state: app.packageState,
    version: app.version,
    updated_at: rubyTime(app.updatedAt),
  };
}

/** `2013-07-05 12:00:00 +0000` */
export function rubyTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} +0000`;
}
