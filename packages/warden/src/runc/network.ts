import { readFile, writeFile } from 'node:fs/promises';
import type { SlotNumbers } from './addresses.ts';
import type { Helpers } from './helpers.ts';

/** Both batches are ours alone: nothing in them comes from outside but numbers. */
const MAKE = `
set -e
printf '%s\\n' "$2" | ip -batch -
printf '%s\\n' "$3" | nsenter -t "$4" -n ip -batch -
[ -z "$5" ] || tc qdisc add dev "$1" root tbf rate "$5"bps burst "$6" latency 100ms
[ -z "$5" ] || nsenter -t "$4" -n tc qdisc add dev eth0 root tbf rate "$5"bps burst "$6" latency 100ms
`;

/** What is put between a container and the host. */
export interface Wire {
  /** Name of the host's end. */
  name: string;
  /** A process of the container. */
  pid: number;
  numbers: SlotNumbers;
  bandwidth: { bytesPerSecond: number; burstBytes: number } | undefined;
}

/**
 * Makes a wire between a container, which must not run its application yet, and the host. It ends with the last process
 * in there.
 */
export async function makeNetwork(helpers: Helpers, { bandwidth, name, numbers, pid }: Wire): Promise<void> {
  const { address, gateway } = numbers;
  const outside = [
    `link add ${name} type veth peer name eth0 netns ${pid}`,
    `link set ${name} addrgenmode none`,
    `addr add ${gateway}/30 dev ${name}`,
    `link set ${name} up`,
  ];
  const inside = [
    'link set lo up',
    'link set eth0 addrgenmode none',
    `addr add ${address}/30 dev eth0`,
    'link set eth0 up',
    `route add default via ${gateway}`,
  ];
  const rate =
    bandwidth === undefined ? ['', ''] : [bandwidth.bytesPerSecond, bandwidth.burstBytes].map(String);
  const parameters = [name, outside.join('\n'), inside.join('\n'), String(pid), ...rate];
  await helpers.run(['sh', '-c', MAKE, 'network', ...parameters]);
  // Packets of the host's own loopback may leave by this wire: its mapped ports are reached at 127.0.0.1 too. What comes
  // in by it for a loopback address is refused by the firewall.
  await writeFile(`/proc/sys/net/ipv4/conf/${name}/route_localnet`, '1');
  await writeFile(`/proc/sys/net/ipv6/conf/${name}/disable_ipv6`, '1').catch(() => undefined);
}

const REMOVE = `
ip link del "$1" 2>/dev/null
[ ! -e "/sys/class/net/$1" ]
`;

/** Removes the wire, if it is there: left alone it would go some time after the container. */
export const removeNetwork = (helpers: Helpers, name: string): Promise<void> =>
  helpers.run(['sh', '-c', REMOVE, 'network', name]);

/** Containers are other hosts: the kernel must forward to and from them. */
export async function enableForwarding(): Promise<void> {
  const path = '/proc/sys/net/ipv4/ip_forward';
  if ((await readFile(path, 'utf8')).trim() !== '1') await writeFile(path, '1');
}
