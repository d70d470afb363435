import { rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { VmcError } from '../errors.ts';
import { readText, writePrivate } from './files.ts';
import { normalizeTarget } from './target.ts';

/** Where `vmc` goes when no target was ever chosen. */
export const defaultTarget = 'http://api.vcap.localhost:8080';

/** The dot files of the home folder that vmc keeps between runs (reference: API v1 §5.2). */
export class Store {
  private readonly home: string;
  private readonly env: NodeJS.ProcessEnv;
  private readonly tokenFile: string;

  constructor(env: NodeJS.ProcessEnv, tokenFile?: string) {
    this.env = env;
    this.home = env['HOME'] === undefined || env['HOME'] === '' ? homedir() : env['HOME'];
    this.tokenFile = tokenFile ?? join(this.home, '.vmc_token');
  }

  /** The chosen target: VMC_TARGET, else the stored one, else the default. */
  target(): string {
    const chosen = this.env['VMC_TARGET'] ?? readText(this.file('.vmc_target'))?.trim();
    return chosen === undefined || chosen === '' ? defaultTarget : normalizeTarget(chosen);
  }

  setTarget(target: string): void {
    writePrivate(this.file('.vmc_target'), `${target}\n`);
  }

  /** Target URL to token. */
  tokens(): Record<string, string> {
    return readMap(this.tokenFile);
  }

  token(target: string): string | undefined {
    return this.tokens()[target];
  }

  setToken(target: string, token: string): void {
    writePrivate(this.tokenFile, `${JSON.stringify({ ...this.tokens(), [target]: token })}\n`);
  }

  /** Forgets the tokens of all targets. */
  removeTokens(): void {
    rmSync(this.tokenFile, { force: true });
  }

  /** Names of the last crash listing (`foo-1`) to instance ids. */
  instances(): Record<string, string> {
    return readMap(this.file('.vmc_instances'));
  }

  setInstances(instances: Record<string, string>): void {
    writePrivate(this.file('.vmc_instances'), `${JSON.stringify(instances)}\n`);
  }

  /** The user's own clients of tunnels. */
  get clientFile(): string {
    return this.file('.vmc_clients');
  }

  get aliasFile(): string {
    return this.file('.vmc_aliases');
  }

  private file(name: string): string {
    return join(this.home, name);
  }
}

function readMap(file: string): Record<string, string> {
  const text = readText(file);
  if (text === undefined || text.trim() === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new VmcError(`${file} is not JSON`, { hint: 'Remove it and log in again.', cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new VmcError(`${file} does not hold a JSON object`, { hint: 'Remove it and log in again.' });
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}
