import { networkInterfaces } from 'node:os';
import { busTlsOf } from '../config.ts';
import type { BaseConfig } from '../config.ts';
import { askOthers, withBus } from './bus-checks.ts';
import type { Finding } from './finding.ts';
import { addressesOf, directoriesOf, portsOf } from './host-checks.ts';

/**
 * Looks whether this host can join the cluster with this configuration: every address in it answers, the bus takes the
 * credentials, the others can reach this host at the address it will advertise (asked of them with an operator's
 * credentials for the bus, `tools`), clocks agree, ports and directories are usable.
 */
export async function examine(config: BaseConfig, ip: string, tools?: string): Promise<Finding[]> {
  const findings = await addressesOf(config);
  const own = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === ip));
  findings.push({
    what: `local_route: ${ip} is an address of this host`,
    outcome: own ? 'ok' : 'bad',
    ...(own ? {} : { detail: 'set local_route to one that is, or that leads here' }),
  });
  findings.push(...directoriesOf(config), ...portsOf(config));
  const tls = busTlsOf(config);
  findings.push(...(await withBus(config.mbus, tls, 'the bus takes the credentials of this component')));
  if (tools === undefined)
    findings.push({
      what: 'others reach this host, and clocks agree',
      outcome: 'skipped',
      detail: 'give --tools nats://tools:PASSWORD@HOST:4222',
    });
  else
    findings.push(
      ...(await withBus(
        [tools],
        tools.startsWith('tls:') ? tls : undefined,
        'the bus takes the credentials of tools',
        (bus) => askOthers(bus, ip),
      )),
    );
  return findings;
}
