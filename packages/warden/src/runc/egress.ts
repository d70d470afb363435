import type { EgressRule } from '../types.ts';
import { parseRange } from './addresses.ts';

/** Where containers do not get by default: the private, shared, local and multicast networks. */
export const DENIED_BY_DEFAULT = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '224.0.0.0/3',
] as const;

const PORTS = /^(\d{1,5})(?:-(\d{1,5}))?$/;

/** The rule as lines of the firewall's language, built from parsed numbers alone. Throws on one that is malformed. */
export function egressLines(rule: EgressRule): string[] {
  if (parseRange(rule.destination) === undefined)
    throw new Error(`egress rule: ${rule.destination} is no IPv4 address, network or range`);
  const to = `ip daddr ${rule.destination}`;
  const ports = portsOf(rule);
  if (rule.protocol === 'icmp') return [`${to} ip protocol icmp accept`];
  if (rule.protocol === 'all') return [`${to} accept`];
  return [`${to} ${rule.protocol} dport ${ports} accept`];
}

function portsOf({ ports, protocol }: EgressRule): string {
  if (ports === undefined) return '0-65535';
  if (protocol !== 'tcp' && protocol !== 'udp') throw new Error(`egress rule: ${protocol} has no ports`);
  const match = PORTS.exec(ports);
  const [first, last] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
  if (match === null || first > last || last > 65_535) throw new Error(`egress rule: bad ports ${ports}`);
  return `${first}-${last}`;
}

/** Checks addresses and networks from the configuration. Throws on the first that is none. */
export function checkNetworks(networks: readonly string[]): void {
  for (const network of networks)
    if (parseRange(network) === undefined) throw new Error(`${network} is no IPv4 address, network or range`);
}
