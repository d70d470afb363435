import type { StagingStart } from '@vcap/bus';
import { serviceMessage, stagingEnvironment } from '../domain/service-environment.ts';
import type { AppRecord, BoundService } from '../ports.ts';

export interface RequestOptions {
  baseUrl: string;
  auth: { user: string; password: string };
  timeoutSeconds: number;
  taskId: string;
  uploadToken: string;
}

/** The order to stage an application (nats-messages.md §1.8). */
export function stagingRequest(
  app: AppRecord,
  services: readonly BoundService[],
  options: RequestOptions,
): StagingStart {
  const { baseUrl, auth, timeoutSeconds, taskId, uploadToken } = options;
  const download = new URL(`${baseUrl}/staging/apps/${app.guid}`);
  download.username = encodeURIComponent(auth.user);
  download.password = encodeURIComponent(auth.password);
  return {
    app_id: app.guid,
    task_id: taskId,
    properties: {
      services: services.map(serviceMessage),
      framework: app.framework,
      runtime: app.runtime,
      buildpack: null,
      resources: { memory: app.memoryMb, disk: app.diskMb, fds: app.fds },
      environment: [...stagingEnvironment(services, app.env), ...app.env],
      meta: app.command === null ? {} : { command: app.command },
    },
    download_uri: download.href,
    upload_uri: `${baseUrl}/staging/droplets/${app.guid}/upload?token=${uploadToken}`,
    buildpack_cache_upload_uri: null,
    timeout_seconds: timeoutSeconds,
  };
}
