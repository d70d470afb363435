import { sql } from '../sql/quote.ts';
import type { DbServer, Session } from './db-server.ts';

type ByName = Map<string, number>;

/** What each schema takes in InnoDB's files, free space inside them counted in: never too small, and cheap. */
export async function fileSizes(db: DbServer): Promise<ByName> {
  const rows = await db.rows<{ db: string; bytes: number | string }>(db.flavour.fileSizes);
  return new Map(rows.map((row) => [row.db, Number(row.bytes)]));
}

/** Schemas with tables whose size no file of their own shows. */
export async function sharedSpaceSchemas(db: DbServer): Promise<Set<string>> {
  return new Set((await db.rows<{ db: string }>(db.flavour.sharedSpaceSchemas)).map((row) => row.db));
}

export interface TableFigures {
  /** Data and indexes of tables that are not InnoDB's. */
  otherBytes: number;
  /** The same of InnoDB tables, by its statistics, which lag behind. */
  innodbBytes: number;
  /** Free space inside InnoDB's files. */
  freeBytes: number;
}

/** Looks at the tables of one schema; needs them opened, so not for all schemas every second. */
export async function tableFigures(db: Session, schema: string): Promise<TableFigures> {
  const rows = await db.rows<{ engine: string | null; bytes: number | string; free: number | string }>(
    sql`SELECT ENGINE AS engine, CAST(SUM(COALESCE(DATA_LENGTH, 0) + COALESCE(INDEX_LENGTH, 0)) AS DOUBLE) AS bytes,
      CAST(SUM(COALESCE(DATA_FREE, 0)) AS DOUBLE) AS free
      FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_TYPE <> 'VIEW' GROUP BY ENGINE`,
    [schema],
  );
  const figures: TableFigures = { otherBytes: 0, innodbBytes: 0, freeBytes: 0 };
  for (const { engine, bytes, free } of rows) {
    if (engine?.toLowerCase() !== 'innodb') figures.otherBytes += Number(bytes);
    else {
      figures.innodbBytes += Number(bytes);
      figures.freeBytes += Number(free);
    }
  }
  return figures;
}

/** Bytes that a schema really takes; what was deleted no longer counts once InnoDB has freed it. */
export async function exactSize(
  db: Session,
  schema: string,
  files: number,
  shared: boolean,
): Promise<number> {
  const { otherBytes, innodbBytes, freeBytes } = await tableFigures(db, schema);
  return otherBytes + (shared ? files + innodbBytes : Math.max(0, files - freeBytes));
}
