import { readFile } from 'node:fs/promises';

/** An account of this host. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** The account nginx's workers run as: ours unless we are root. Rejects when there is no such account. */
export async function workerAccount(name: string): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n');
  const fields = lines.map((line) => line.split(':')).find(([first]) => first === name);
  if (fields === undefined) throw new Error(`nginx.user: there is no account ${name} on this host`);
  return { uid: Number(fields[2]), gid: Number(fields[3]) };
}
