import type { StartMessage } from '@vcap/bus';
import { databaseUrl, serviceMessage } from '../domain/service-environment.ts';
import type { AppRecord, BoundService } from '../ports.ts';

const BYTES_PER_MB = 1024 * 1024;

/** Where DEAs fetch droplets, and whose instances these are. */
export interface StartSettings {
  /** `http://ip:port` of this controller. */
  dropletBaseUrl: string;
  partition: string;
}

/**
 * The order for one instance (nats-messages §1.5). A command that the user gave wins over the one staging found.
 * `app` must be staged.
 */
export function startMessage(
  app: AppRecord,
  services: readonly BoundService[],
  index: number,
  settings: StartSettings,
): StartMessage {
  const { guid, name, version, uris, dropletHash } = app;
  return {
    droplet: guid,
    version,
    name,
    index,
    uris,
    sha1: dropletHash,
    executableFile: 'deprecated',
    executableUri: `${settings.dropletBaseUrl}/staged_droplets/${guid}/${dropletHash}`,
    limits: { mem: app.memoryMb, disk: app.diskMb, fds: app.fds },
    env: [...databaseUrl(services, app.env), ...app.env],
    services: services.map(serviceMessage),
    users: [app.ownerEmail],
    framework: app.framework,
    runtime: app.runtime,
    debug: app.debug,
    console: app.console,
    prod: false,
    cc_partition: settings.partition,
    start_command: app.command ?? app.detectedStartCommand,
    vcap_application: {
      application_id: guid,
      application_version: version,
      application_name: name,
      application_uris: uris,
      version,
      name,
      uris,
      users: [app.ownerEmail],
      runtime: app.runtime,
      space_id: app.spaceGuid,
      limits: { mem: app.memoryMb * BYTES_PER_MB, disk: app.diskMb * BYTES_PER_MB, fds: app.fds },
    },
  };
}
