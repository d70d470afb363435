import type { CreateTableBuilder } from 'kysely';

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
