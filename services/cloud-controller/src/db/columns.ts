import { sql } from 'kysely';
import type { CreateTableBuilder, Kysely } from 'kysely';
import type { DialectName } from './open.ts';

/** A table under construction. */
export type Table = CreateTableBuilder<string>;

/** Every entity has a row number for the database and a GUID for the world. */
export const withId = (table: Table): Table =>
  table
    .addColumn('id', 'integer', (c) => c.primaryKey().autoIncrement())
    .addColumn('guid', 'varchar(36)', (c) => c.notNull().unique()) as Table;
/** Short texts, never null. */
export const text = (table: Table, ...names: string[]): Table =>
  names.reduce((t, name) => t.addColumn(name, 'varchar(255)', (c) => c.notNull()) as Table, table);
/** Texts that may be null. */
export const optionalText = (table: Table, ...names: string[]): Table =>
  names.reduce((t, name) => t.addColumn(name, 'varchar(1024)') as Table, table);
/** Numbers and flags, never null. */
export const int = (table: Table, ...names: string[]): Table =>
  names.reduce((t, name) => t.addColumn(name, 'integer', (c) => c.notNull()) as Table, table);
/** Milliseconds since the epoch. */
export const time = (table: Table, ...names: string[]): Table =>
  names.reduce((t, name) => t.addColumn(name, 'bigint', (c) => c.notNull()) as Table, table);

/** Makes a table; MySQL is told how texts compare: byte by byte, as SQLite does. */
export async function createTable(
  db: Kysely<unknown>,
  dialect: DialectName,
  name: string,
  columns: (table: Table) => Table,
): Promise<void> {
  const table = columns(db.schema.createTable<string>(name));
  const full =
    dialect === 'mysql'
      ? table.modifyEnd(sql`engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin`)
      : table;
  await full.execute();
}
