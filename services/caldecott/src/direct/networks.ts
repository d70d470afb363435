import { BlockList, isIPv6 } from 'node:net';

/** Whether an address lies in one of the networks; every address does when none are given. */
export function networkFilter(
  cidrs: readonly string[] | undefined,
): ((address: string) => boolean) | undefined {
  if (cidrs === undefined) return undefined;
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [network = '', bits = ''] = cidr.split('/');
    list.addSubnet(network, Number(bits), isIPv6(network) ? 'ipv6' : 'ipv4');
  }
  return (address) => list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}
