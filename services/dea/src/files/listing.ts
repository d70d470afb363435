import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** What the top level of an instance shows. */
const TOP_LEVEL = new Set(['app', 'logs', 'tomcat']);
const UNITS = ['K', 'M', 'G', 'T'];

/** The text of a directory: names padded to 35 columns, sizes to 10. */
export async function listDirectory(path: string, isTop: boolean): Promise<string> {
  const lines: string[] = [];
  for (const name of (await readdir(path)).sort()) {
    if (isTop && !TOP_LEVEL.has(name)) continue;
    const stat = await lstat(join(path, name)).catch(() => undefined);
    if (stat === undefined) continue;
    lines.push(stat.isDirectory() ? listingLine(`${name}/`, '-') : listingLine(name, sizeText(stat.size)));
  }
  return lines.join('');
}

/** One line of a listing. */
export function listingLine(name: string, size: string): string {
  return `${name.padEnd(35)}${size.padStart(10)}\n`;
}

/** Bytes as `12B`, `1.5K`, `2.0M`. */
export function sizeText(bytes: number): string {
  if (bytes < 1024) return `${bytes}B`;
  let value = bytes;
  let unit = '';
  for (const next of UNITS) {
    if (value < 1024) break;
    value /= 1024;
    unit = next;
  }
  return `${value.toFixed(1)}${unit}`;
}
