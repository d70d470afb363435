import type { EgressRule } from '../types.ts';
import { egressLines } from './egress.ts';
import { ANY_OWNERS } from './owner.ts';

/** A container in the firewall. */
export interface FirewallEntry {
  /** Interface name on the host; also part of the name of its chain. */
  iface: string;
  address: string;
  ports: readonly number[];
  egress: readonly EgressRule[];
}

/** What holds for all containers of one owner. */
export interface FirewallPlan {
  table: string;
  /** Prefix of the owner's interfaces. */
  netPrefix: string;
  /** All containers' addresses, of every owner. */
  pool: string;
  denied: readonly string[];
  /** Name servers: reached on port 53, wherever they are. */
  dns: readonly string[];
}

const chainOf = ({ iface }: FirewallEntry): string => `egress_${iface.replace('-', '_')}`;

/** Commands that replace the owner's table, in one step, by one that holds these containers. */
export function wholeTable(plan: FirewallPlan, entries: readonly FirewallEntry[]): string {
  return [
    `add table inet ${plan.table}`,
    `delete table inet ${plan.table}`,
    skeleton(plan),
    ...entries.map((entry) => addEntry(plan, entry)),
  ].join('\n');
}

/** Commands that add one container. */
export function addEntry({ table }: FirewallPlan, entry: FirewallEntry): string {
  const lines = [`add element inet ${table} members { "${entry.iface}" . ${entry.address} }`];
  for (const port of entry.ports)
    lines.push(`add element inet ${table} ports { ${port} : ${entry.address} }`);
  if (entry.egress.length > 0) {
    const chain = chainOf(entry);
    lines.push(`add chain inet ${table} ${chain}`);
    for (const rule of entry.egress.flatMap(egressLines))
      lines.push(`add rule inet ${table} ${chain} ${rule}`);
    lines.push(`add element inet ${table} egress { "${entry.iface}" : jump ${chain} }`);
  }
  return lines.join('\n');
}

/** Commands that take one container out. */
export function removeEntry({ table }: FirewallPlan, entry: FirewallEntry): string {
  const lines = [`delete element inet ${table} members { "${entry.iface}" . ${entry.address} }`];
  for (const port of entry.ports) lines.push(`delete element inet ${table} ports { ${port} }`);
  if (entry.egress.length > 0) {
    const chain = chainOf(entry);
    lines.push(
      `delete element inet ${table} egress { "${entry.iface}" }`,
      `flush chain inet ${table} ${chain}`,
      `delete chain inet ${table} ${chain}`,
    );
  }
  return lines.join('\n');
}

const setOf = (type: string, elements: readonly string[]): string =>
  `type ${type}; flags interval; auto-merge;${elements.length > 0 ? ` elements = { ${elements.join(', ')} };` : ''}`;

/**
 * In words: a mapped port of any local address leads to its container, also from the host itself. Into a container goes
 * nothing else, not from the host either. Out of one goes what is its own address, to no other container, then where its own rules allow, then to
 * name servers, then anywhere that is not denied; to the host itself only by a rule or a name server there.
 */
function skeleton({ table, netPrefix, pool, denied, dns }: FirewallPlan): string {
  const ours = `"${netPrefix}*"`;
  const anyones = `"${ANY_OWNERS}*"`;
  return `table inet ${table} {
  set members { type ifname . ipv4_addr; }
  set denied { ${setOf('ipv4_addr', denied)} }
  set dns { ${setOf('ipv4_addr', dns)} }
  map ports { type inet_service : ipv4_addr; }
  map egress { type ifname : verdict; }

  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    iifname != ${anyones} fib daddr type local dnat ip to tcp dport map @ports
  }
  chain output {
    type nat hook output priority -100; policy accept;
    fib daddr type local dnat ip to tcp dport map @ports
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname ${ours} ip saddr 127.0.0.0/8 masquerade
    iifname ${ours} oifname != ${anyones} masquerade
  }
  chain refuse {
    meta l4proto tcp reject with tcp reset
    reject
  }
  chain allowed {
    meta nfproto ipv6 drop
    iifname . ip saddr != @members drop
    ip daddr ${pool} goto refuse
    iifname vmap @egress
    ip daddr @dns meta l4proto { tcp, udp } th dport 53 accept
  }
  chain input {
    type filter hook input priority filter; policy accept;
    iifname != ${ours} accept
    ct state established,related accept
    jump allowed
    goto refuse
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname ${ours} ct state established,related accept
    oifname ${ours} ct state established,related accept
    iifname ${ours} oifname ${anyones} goto refuse
    iifname ${ours} jump allowed
    iifname ${ours} ip daddr @denied goto refuse
    oifname ${ours} ct status dnat accept
    oifname ${ours} goto refuse
  }
  chain local {
    type filter hook output priority filter; policy accept;
    oifname != ${ours} accept
    ct state established,related accept
    ct status dnat accept
    goto refuse
  }
}`;
}
