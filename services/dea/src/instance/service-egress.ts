import { lookup } from 'node:dns/promises';
import { isIPv4 } from 'node:net';
import type { Logger, StartMessage } from '@vcap/bus';
import type { EgressRule } from '@vcap/warden';
import { serviceAddress } from './service-variables.ts';

/**
 * Rules that open the way to the bound services, which are in networks that are closed otherwise. Names are resolved
 * now: one that moves later needs a restart of the application. What cannot be resolved is logged and left closed.
 */
export async function serviceEgress({ services }: StartMessage, log: Logger): Promise<EgressRule[]> {
  const rules: EgressRule[] = [];
  for (const service of services) {
    // Of one that a user made up, the user chooses the address: that must open nothing.
    const { label } = service;
    if (typeof label !== 'string' || label === 'user-provided') continue;
    const address = serviceAddress(service);
    if (address === undefined || address.port < 1 || address.port > 65_535) continue;
    for (const destination of await addressesOf(address.host, log))
      rules.push({ protocol: 'tcp', destination, ports: String(address.port) });
  }
  return rules;
}

async function addressesOf(host: string, log: Logger): Promise<string[]> {
  if (isIPv4(host)) return [host];
  try {
    return (await lookup(host, { all: true, family: 4 })).map(({ address }) => address);
  } catch (error) {
    log.warn({ event: 'service-address-unknown', host, error: (error as Error).message });
    return [];
  }
}
