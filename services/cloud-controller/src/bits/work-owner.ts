import { readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { processStartTime } from '@vcap/component';

/** Where pids mean the same: the host and, in a container, its own numbering. Undefined without /proc. */
function placeOfPids(): string | undefined {
  try {
    const namespace = /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '';
    return `${hostname().replaceAll(/[^A-Za-z0-9]/g, '_')}-${namespace}`;
  } catch {
    return undefined;
  }
}

/** Names this process in a file's name, so that a later one knows whether whoever made the file still runs. */
export function ownerTag(): string {
  const place = placeOfPids();
  return place === undefined ? '' : `${place}-${process.pid}-${processStartTime(process.pid) ?? 0}-`;
}

/** Whether `name`, made of `prefix` and an `ownerTag`, is of a process of this host that is certainly gone. */
export function isOrphan(name: string, prefix: string): boolean {
  const place = placeOfPids();
  if (place === undefined || !name.startsWith(`${prefix}${place}-`)) return false;
  const [, pid, start] = /^(\d+)-(\d+)-/.exec(name.slice(prefix.length + place.length + 1)) ?? [];
  return pid !== undefined && processStartTime(Number(pid)) !== start;
}
