import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

/** Writes a file that only its owner may read; the name appears with the whole content or not at all. */
export function writePrivate(path: string, content: string): void {
  writeFileSync(`${path}.new`, content, { mode: 0o600 });
  chmodSync(`${path}.new`, 0o600);
  renameSync(`${path}.new`, path);
}

/** The secret kept in `path`; made at random the first time, replaced when `wanted` is given. */
export function keptSecret(path: string, wanted?: string): string {
  if (wanted !== undefined) writePrivate(path, `${wanted}\n`);
  else if (!existsSync(path)) writePrivate(path, `${randomBytes(24).toString('base64url')}\n`);
  return readFileSync(path, 'utf8').trim();
}
