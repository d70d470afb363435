import { chmodSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Member } from '@vcap/component';
import type { BrokeredService } from '../domain/brokered-service.ts';

const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS brokered_services (
    label TEXT PRIMARY KEY, registered_as TEXT NOT NULL, description TEXT NOT NULL, provider TEXT,
    acls TEXT, credentials TEXT NOT NULL
  ) STRICT;
`;

/** The registered services with their credentials, in a file that only its owner may read. */
export class ServiceStore implements Member {
  readonly name = 'store';
  readonly #path: string;
  #database: DatabaseSync | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async start(): Promise<void> {
    mkdirSync(dirname(this.#path), { recursive: true });
    this.#database = new DatabaseSync(this.#path);
    chmodSync(this.#path, 0o600);
    this.#database.exec(SCHEMA);
  }

  async stop(): Promise<void> {
    this.#database?.close();
    this.#database = undefined;
  }

  all(): BrokeredService[] {
    if (!this.#database) return [];
    return this.#need().prepare('SELECT * FROM brokered_services ORDER BY label').all().map(serviceOf);
  }

  get(label: string): BrokeredService | undefined {
    const row = this.#need().prepare('SELECT * FROM brokered_services WHERE label = ?').get(label);
    return row && serviceOf(row);
  }

  registeredAs(label: string): BrokeredService[] {
    return this.all().filter(({ registeredAs }) => registeredAs === label);
  }

  save({ label, registeredAs, description, provider, acls, credentials }: BrokeredService): void {
    this.#need()
      .prepare('INSERT OR REPLACE INTO brokered_services VALUES (?, ?, ?, ?, ?, ?)')
      .run(
        label,
        registeredAs,
        description,
        provider ?? null,
        acls === undefined ? null : JSON.stringify(acls),
        JSON.stringify(credentials),
      );
  }

  remove(label: string): void {
    this.#need().prepare('DELETE FROM brokered_services WHERE label = ?').run(label);
  }

  #need(): DatabaseSync {
    if (!this.#database) throw new Error('the store is not open');
    return this.#database;
  }
}

function serviceOf(row: Record<string, unknown>): BrokeredService {
  return {
    label: row['label'] as string,
    registeredAs: row['registered_as'] as string,
    description: row['description'] as string,
    provider: (row['provider'] as string | null) ?? undefined,
    acls: row['acls'] === null ? undefined : (JSON.parse(row['acls'] as string) as Record<string, unknown>),
    credentials: JSON.parse(row['credentials'] as string) as Record<string, unknown>,
  };
}
