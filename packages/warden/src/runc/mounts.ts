import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** A line of /proc/self/mountinfo. */
export interface Mount {
  /** `major:minor` of the device. */
  device: string;
  /** Directory of the file system that is mounted. */
  root: string;
  point: string;
  type: string;
  /** Device, or for cgroup v1 just `cgroup`. */
  source: string;
  /** Options of the file system itself. */
  superOptions: string[];
}

/** Parses mountinfo; blanks in paths are octal there. */
export function parseMountinfo(text: string): Mount[] {
  const mounts: Mount[] = [];
  for (const line of text.split('\n')) {
    const [before, after] = line.split(' - ');
    const fields = before?.split(' ') ?? [];
    const [type, source, superOptions] = after?.split(' ') ?? [];
    const [, , device, root, point] = fields;
    if (device === undefined || root === undefined || point === undefined || type === undefined) continue;
    mounts.push({
      device,
      root: unescape(root),
      point: unescape(point),
      type,
      source: unescape(source ?? ''),
      superOptions: superOptions?.split(',') ?? [],
    });
  }
  return mounts;
}

/** The mounts that this process sees. */
export const readMounts = async (): Promise<Mount[]> =>
  parseMountinfo(await readFile('/proc/self/mountinfo', 'utf8'));

/** Loop devices whose file is under `dir`, by `major:minor`. */
export async function loopsUnder(dir: string): Promise<Map<string, { path: string; file: string }>> {
  const found = new Map<string, { path: string; file: string }>();
  for (const name of await readdir('/sys/block')) {
    if (!name.startsWith('loop')) continue;
    const file = await readFile(join('/sys/block', name, 'loop/backing_file'), 'utf8').catch(() => '');
    if (!file.startsWith(`${dir}/`)) continue;
    const device = await readFile(join('/sys/block', name, 'dev'), 'utf8').catch(() => '');
    found.set(device.trim(), { path: `/dev/${name}`, file: file.trim() });
  }
  return found;
}

function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
