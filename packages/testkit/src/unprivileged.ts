import { chown } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tempDir } from './temp-dir.ts';
import type { TempDir } from './temp-dir.ts';

/** The user and group servers run as; nothing when the caller is not root, as then they run as the caller. */
export function unprivileged(): { uid: number; gid: number } | Record<string, never> {
  if (process.getuid?.() !== 0) return {};
  const fields = /^nobody:.*$/m.exec(readFileSync('/etc/passwd', 'utf8'))?.[0].split(':') ?? [];
  return { uid: Number(fields[2] ?? 65534), gid: Number(fields[3] ?? 65534) };
}

/** A temporary directory that a server of `unprivileged()` can write to. */
export async function serverDir(prefix: string): Promise<TempDir> {
  const dir = await tempDir(prefix);
  const { uid, gid } = unprivileged();
  if (uid !== undefined && gid !== undefined) await chown(dir.path, uid, gid);
  return dir;
}
