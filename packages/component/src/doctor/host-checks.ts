import { accessSync, constants, readFileSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { tryToReach } from '../reach.ts';
import type { Finding } from './finding.ts';

const leastFreeBytes = 1024 ** 3;
const defaultPorts: Record<string, number> = {
  'nats:': 4222,
  'tls:': 4222,
  'redis:': 6379,
  'mysql:': 3306,
  'http:': 80,
  'https:': 443,
};

/** Whether whatever the configuration names by address accepts connections. */
export async function addressesOf(config: object): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { url, key } of urlsIn(config)) {
    const port = Number(url.port) || defaultPorts[url.protocol];
    if (port === undefined) continue;
    const { reached, error } = await tryToReach(url.hostname, port);
    findings.push({
      what: `${key}: ${url.hostname}:${port} accepts connections`,
      outcome: reached ? 'ok' : 'bad',
      ...(error === undefined ? {} : { detail: error }),
    });
  }
  return findings;
}

/** Every string of the configuration that is an address, with its key. */
function urlsIn(value: unknown, key = ''): { key: string; url: URL }[] {
  if (typeof value === 'string')
    return /^[a-z]+:\/\//.test(value) && URL.canParse(value) ? [{ key, url: new URL(value) }] : [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, each]) =>
    urlsIn(each, Array.isArray(value) ? key : key === '' ? name : `${key}.${name}`),
  );
}

/** Directories that the component will write in; one that is not there yet is made below a parent that is. */
export function directoriesOf(config: object): Finding[] {
  const findings: Finding[] = [];
  for (const [key, value] of Object.entries(config)) {
    if (
      !/(^|_)(dir|base_dir|cache_dir|root|tmpdir)$/.test(key) ||
      typeof value !== 'string' ||
      !value.startsWith('/')
    ) {
      if (typeof value === 'object' && value !== null && !Array.isArray(value))
        findings.push(...directoriesOf(value as object));
      continue;
    }
    const what = `${key}: ${value} can be written`;
    try {
      const place = existing(value);
      accessSync(place, constants.W_OK);
      const { bavail, bsize } = statfsSync(place);
      const free = bavail * bsize;
      findings.push(
        free < leastFreeBytes
          ? { what, outcome: 'bad', detail: `only ${Math.floor(free / 1024 ** 2)} MB are free` }
          : { what, outcome: 'ok' },
      );
    } catch (error) {
      findings.push({ what, outcome: 'bad', detail: (error as NodeJS.ErrnoException).code ?? String(error) });
    }
  }
  return findings;
}

function existing(path: string): string {
  try {
    accessSync(path);
    return path;
  } catch {
    const parent = dirname(path);
    if (parent === path) throw new Error(`${path} is not there`);
    return existing(parent);
  }
}

/** A range of ports that the kernel also gives to outgoing connections will collide sooner or later. */
export function portsOf(config: object): Finding[] {
  const { port_range: range } = config as { port_range?: { first: number; last: number } };
  if (range === undefined) return [];
  const what = `port_range: ${range.first} to ${range.last} is outside of net.ipv4.ip_local_port_range`;
  try {
    const [low = 0, high = 0] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8')
      .trim()
      .split(/\s+/)
      .map(Number);
    const apart = range.first > high || range.last < low;
    return [
      { what, outcome: apart ? 'ok' : 'bad', ...(apart ? {} : { detail: `that is ${low} to ${high}` }) },
    ];
  } catch {
    return [{ what, outcome: 'skipped', detail: 'the kernel does not tell' }];
  }
}
