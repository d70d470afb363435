import { existsSync } from 'node:fs';
import { chmod, chown, copyFile, mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

const waitMs = 30_000;

/** Copies a database that may be in use: what was committed, as of one moment. */
export async function saveSqlite(path: string, to: string): Promise<void> {
  if (!existsSync(path)) throw new Error(`${path} does not exist`);
  const db = new DatabaseSync(path, { readOnly: true, timeout: waitMs });
  try {
    db.prepare('VACUUM INTO ?').run(to);
  } finally {
    db.close();
  }
  await chmod(to, 0o600);
}

/** Puts a database in its place, for the owner of the directory. Nobody may have it open. */
export async function restoreSqlite(from: string, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const fresh = `${path}.restored`;
  await copyFile(from, fresh);
  await chmod(fresh, 0o600);
  const { gid, uid } = await stat(dirname(path));
  if (process.getuid?.() === 0) await chown(fresh, uid, gid);
  // What is left of another database's last transactions must not be played into this one.
  for (const end of ['-wal', '-shm', '-journal']) await rm(`${path}${end}`, { force: true });
  await rename(fresh, path);
}

/** Whether there is a database with tables. */
export function sqliteHasData(path: string): boolean {
  if (!existsSync(path)) return false;
  const db = new DatabaseSync(path, { readOnly: true, timeout: waitMs });
  try {
    return db.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' LIMIT 1").get() !== undefined;
  } finally {
    db.close();
  }
}
