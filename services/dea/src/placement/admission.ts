import type { StartMessage } from '@vcap/bus';
import { egressOf } from '../instance/container-spec.ts';
import { healthCheckOf } from '../instance/health-check.ts';

/** What a decision about a start needs to know. */
export interface Capacity {
  memoryMb: number;
  diskMb: number;
  reservedMemoryMb: number;
  reservedDiskMb: number;
  /** Names of the runtimes found on this machine. */
  runtimes: ReadonlySet<string>;
  shuttingDown: boolean;
}

/** Why a start is refused, naming what is short; undefined when it may begin. Pure, so that it cannot be raced. */
export function refusal(message: StartMessage, capacity: Capacity): string | undefined {
  const { mem, disk } = message.limits;
  const memory = capacity.memoryMb - capacity.reservedMemoryMb;
  const space = capacity.diskMb - capacity.reservedDiskMb;
  if (capacity.shuttingDown) return 'the DEA is shutting down';
  if (!message.sha1 || !/^[0-9a-f]{40}$/i.test(message.sha1))
    return 'no droplet: sha1 is missing or malformed';
  if (!message.executableUri) return 'no droplet: executableUri is missing';
  if (!URL.canParse(message.executableUri)) return 'no droplet: executableUri is not a URL';
  if (message.runtime != null && message.runtime !== 'none' && !capacity.runtimes.has(message.runtime))
    return `runtime ${message.runtime} is not available`;
  for (const part of [healthCheckOf(message), egressOf(message)]) if (typeof part === 'string') return part;
  if (mem > memory) return `not enough memory: ${mem} MB asked, ${Math.max(0, memory)} MB free`;
  if (disk > space) return `not enough disk: ${disk} MB asked, ${Math.max(0, space)} MB free`;
  return undefined;
}
