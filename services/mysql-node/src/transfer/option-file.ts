import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { clientOptions } from '../server/flavour.ts';
import { checksName } from '../server/servers.ts';
import type { ManagedServer } from '../server/servers.ts';

/** Files of short life that only this user may read: passwords for the client programs. */
export class WorkDir {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Empty at each start: a killed process leaves its files. */
  async start(): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
    await mkdir(this.path, { recursive: true, mode: 0o700 });
  }

  /** Runs `work` with a file of this text, which is gone afterwards. */
  async withFile<T>(text: string, work: (path: string) => Promise<T>): Promise<T> {
    const path = join(this.path, `${randomBytes(8).toString('hex')}.cnf`);
    await writeFile(path, text, { mode: 0o600, flag: 'wx' });
    try {
      return await work(path);
    } finally {
      await rm(path, { force: true });
    }
  }
}

/** An option file for `mysqldump` or `mysql`: the account never stands on a command line. */
export function optionFile(
  server: ManagedServer,
  who: { user: string; password: string },
  kind: 'dump' | 'load',
): string {
  const { settings } = server;
  const place =
    settings.socket === undefined
      ? [`host=${value(settings.host)}`, `port=${settings.port}`, 'protocol=tcp']
      : [`socket=${value(settings.socket)}`];
  const tls =
    settings.tls === undefined
      ? []
      : [`ssl-ca=${value(settings.tls.ca)}`, ...clientOptions.tls(checksName(settings))];
  const lines = [`user=${value(who.user)}`, `password=${value(who.password)}`, ...place, ...tls];
  return `[client]\n${[...lines, ...clientOptions[kind]].join('\n')}\n`;
}

function value(text: string): string {
  if (/[\0\r\n]/.test(text)) throw new Error('a setting of a MySQL server has a line break');
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
