import type { StartMessage } from '@vcap/bus';
import type { ContainerSpec, EgressRule, ReadOnlyPath } from '@vcap/warden';
import { z } from 'zod';

/** What this DEA gives every container, beside what a start message asks for. */
export interface ContainerDefaults {
  inodes: number;
  pids: number;
  memoryToCpuShares: number;
  minCpuShares: number;
  maxCpuShares: number;
  bandwidth: { bytesPerSecond: number; burstBytes: number } | undefined;
  /** Allowed to every application. */
  egress: EgressRule[];
  rootfs: string | undefined;
  readOnlyPaths: ReadOnlyPath[];
}

const address = /^(\d{1,3}\.){3}\d{1,3}$/;
const isAddress = (text: string): boolean =>
  address.test(text) && text.split('.').every((part) => Number(part) < 256);

/** An address, a network or a range. */
function isDestination(text: string): boolean {
  const [base = '', bits] = text.split('/');
  if (bits !== undefined) return isAddress(base) && /^\d{1,2}$/.test(bits) && Number(bits) <= 32;
  const parts = text.split('-');
  return parts.length <= 2 && parts.every(isAddress);
}

/** One rule of `egress_network_rules`, or of the DEA's configuration. */
export const egressRule = z.object({
  protocol: z.enum(['tcp', 'udp', 'icmp', 'all']),
  destination: z.string().refine(isDestination, 'must be an IPv4 address, a network or a range'),
  ports: z
    .string()
    .regex(/^\d{1,5}(-\d{1,5})?$/, 'must be like 3306 or 3000-4000')
    .exactOptional(),
});

/** The rules of a start message; a string says what is wrong with them. */
export function egressOf({ egress_network_rules: rules }: StartMessage): EgressRule[] | string {
  const parsed = z.array(egressRule).safeParse(rules ?? []);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  return `egress_network_rules.${issue?.path.join('.')}: ${issue?.message}`;
}

/** Weight of the processor: by memory, as the originals had it, unless the message says. */
export function cpuSharesOf({ limits }: StartMessage, defaults: ContainerDefaults): number {
  const byMemory = Math.round(limits.mem / defaults.memoryToCpuShares);
  return limits.cpu_shares ?? Math.min(defaults.maxCpuShares, Math.max(defaults.minCpuShares, byMemory));
}

/** The container of an instance. `services`: rules for what is bound to it. The message was admitted. */
export function containerSpec(
  message: StartMessage,
  place: { handle: string; rootDir: string; ports: number[] },
  defaults: ContainerDefaults,
  services: readonly EgressRule[],
): ContainerSpec {
  const { limits } = message;
  const own = egressOf(message);
  const { bandwidth, rootfs } = defaults;
  return {
    ...place,
    memoryMb: limits.mem,
    diskMb: limits.disk,
    fds: limits.fds,
    inodes: limits.inodes ?? defaults.inodes,
    pids: limits.pids ?? defaults.pids,
    cpuShares: cpuSharesOf(message, defaults),
    ...(limits.cpu_quota == null ? {} : { cpuCores: limits.cpu_quota }),
    ...(bandwidth === undefined ? {} : { bandwidth }),
    egress: [...defaults.egress, ...services, ...(typeof own === 'string' ? [] : own)],
    ...(rootfs === undefined ? {} : { rootfs }),
    readOnlyPaths: defaults.readOnlyPaths,
  };
}
