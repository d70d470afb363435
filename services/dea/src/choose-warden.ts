import { isIPv4 } from 'node:net';
import type { Logger } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import { openWarden } from '@vcap/warden';
import type { Warden } from '@vcap/warden';
import type { DeaConfig } from './config.ts';

/** What a back-end is made with. */
export interface WardenSettings {
  clock: Clock;
  log: Logger;
  config: DeaConfig;
  stateDir: string;
  /** This host's own address. */
  ip: string;
}

/** The containers this machine can have; the weaker kind is said loudly, with the reason. */
export async function chooseWarden({
  clock,
  config,
  ip,
  log,
  stateDir,
}: WardenSettings): Promise<{ warden: Warden; reason: string | undefined }> {
  const { also_denied, first_uid, name_servers, network } = config.container;
  const { reason, warden } = await openWarden({
    clock,
    stateDir,
    sampleMs: config.sample_interval * 1000,
    backend: config.isolation,
    alsoDenied: [...new Set([...also_denied, ...ownAddresses(config, ip)])],
    ...(network === undefined ? {} : { network }),
    ...(name_servers === undefined ? {} : { nameServers: name_servers }),
    ...(first_uid === undefined ? {} : { firstUid: first_uid }),
  });
  const user = process.getuid?.() === 0 ? 'root' : 'this user';
  if (warden.isolation === 'process')
    log.warn({
      event: 'isolation-is-process',
      reason,
      meaning: `applications run as plain processes of ${user} and are not kept apart: for trusted code only`,
    });
  else log.info({ event: 'isolation', isolation: warden.isolation });
  return { warden, reason };
}

/** The bus and this host: nothing of an application's. */
function ownAddresses({ mbus }: DeaConfig, ip: string): string[] {
  const hosts = [ip, ...mbus.map((server) => new URL(server).hostname)];
  return hosts.filter((host) => isIPv4(host) && !host.startsWith('127.'));
}
