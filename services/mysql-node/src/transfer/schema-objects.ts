import { account, catalogName, dotted, ident, shownByServer, sql, words } from '../sql/quote.ts';
import type { DbServer, Session } from '../server/db-server.ts';
import { z } from 'zod';

const kinds = ['VIEW', 'TRIGGER', 'PROCEDURE', 'FUNCTION', 'PACKAGE', 'PACKAGE BODY', 'EVENT'] as const;
type Kind = (typeof kinds)[number];

export const schemaObjectSchema = z.object({
  kind: z.enum(kinds),
  name: z.string(),
  /** The statement that makes it again. */
  create: z.string(),
  sqlMode: z.string().nullable(),
  timeZone: z.string().nullable(),
});
/** A view, trigger, routine or event: all that cannot be moved from one schema to another like a table. */
export type SchemaObject = z.infer<typeof schemaObjectSchema>;

/** In the order in which they can be made. */
const ORDER: readonly Kind[] = [
  'PACKAGE',
  'PACKAGE BODY',
  'FUNCTION',
  'PROCEDURE',
  'VIEW',
  'TRIGGER',
  'EVENT',
];

/** The definer at the head of what SHOW CREATE says, in the server's own form. */
const HEAD =
  /^CREATE (OR REPLACE )?(ALGORITHM=\w+ )?(DEFINER=`(?:[^`]|``)*`@`(?:[^`]|``)*` |DEFINER=`(?:[^`]|``)*` )?/i;

/** All of a schema, or those that one account defined. Those that the server cannot show are left out. */
export async function readObjects(db: DbServer, schema: string, definer?: string): Promise<SchemaObject[]> {
  return db.session(
    async (session) => {
      await session.run(sql`USE ${ident(schema)}`);
      const objects: SchemaObject[] = [];
      for (const { kind, name, by } of await names(session, schema)) {
        if (definer !== undefined && by !== definer) continue;
        const object = await show(session, kind, name);
        if (object) objects.push(object);
      }
      return objects;
    },
    { fresh: true },
  );
}

/** Makes them in a schema with this account as their definer. Gives those that the server refuses. */
export async function createObjects(
  db: DbServer,
  schema: string,
  objects: readonly SchemaObject[],
  definer: string,
): Promise<{ name: string; error: unknown }[]> {
  return db.session(
    async (session) => {
      await session.run(sql`USE ${ident(schema)}`);
      let waiting = objects.toSorted((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind));
      for (;;) {
        // A view may need another one that comes later: go round as long as it helps.
        const failed: { object: SchemaObject; error: unknown }[] = [];
        for (const object of waiting) {
          await create(session, object, definer).catch((error: unknown) => failed.push({ object, error }));
        }
        if (failed.length === 0 || failed.length === waiting.length)
          return failed.map(({ object, error }) => ({ name: `${object.kind} ${object.name}`, error }));
        waiting = failed.map(({ object }) => object);
      }
    },
    { fresh: true },
  );
}

export async function dropObjects(
  db: Session,
  schema: string,
  objects: readonly Pick<SchemaObject, 'kind' | 'name'>[],
): Promise<void> {
  for (const { kind, name } of objects)
    await db.run(sql`DROP ${words([kind])} IF EXISTS ${dotted(ident(schema), catalogName(name))}`);
}

/** Kind and name of everything in a schema. */
export async function names(
  db: Session,
  schema: string,
): Promise<{ kind: Kind; name: string; by: string | undefined }[]> {
  type Row = { kind: string; name: string; definer: string | null };
  const rows = [
    ...(await db.rows<Row>(
      sql`SELECT 'VIEW' AS kind, TABLE_NAME AS name, DEFINER AS definer FROM information_schema.VIEWS
        WHERE TABLE_SCHEMA = ?`,
      [schema],
    )),
    ...(await db.rows<Row>(
      sql`SELECT 'TRIGGER' AS kind, TRIGGER_NAME AS name, DEFINER AS definer FROM information_schema.TRIGGERS
        WHERE TRIGGER_SCHEMA = ? ORDER BY EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER`,
      [schema],
    )),
    ...(await db.rows<Row>(
      sql`SELECT ROUTINE_TYPE AS kind, ROUTINE_NAME AS name, DEFINER AS definer FROM information_schema.ROUTINES
        WHERE ROUTINE_SCHEMA = ?`,
      [schema],
    )),
    ...(await db.rows<Row>(
      sql`SELECT 'EVENT' AS kind, EVENT_NAME AS name, DEFINER AS definer FROM information_schema.EVENTS
        WHERE EVENT_SCHEMA = ?`,
      [schema],
    )),
  ];
  return rows.flatMap(({ kind, name, definer }) => {
    const known = kinds.find((each) => each === kind);
    return known ? [{ kind: known, name, by: definer?.split('@')[0] }] : [];
  });
}

async function show(session: Session, kind: Kind, name: string): Promise<SchemaObject | undefined> {
  const rows = await session
    .rows<Record<string, string | null>>(sql`SHOW CREATE ${words([kind])} ${catalogName(name)}`)
    .catch(() => []);
  const row = rows[0];
  const create = row?.['SQL Original Statement'] ?? (row ? createColumn(row) : undefined);
  if (!row || !create) return undefined;
  return {
    kind,
    name,
    create,
    sqlMode: row['sql_mode'] ?? null,
    timeZone: kind === 'EVENT' ? (row['time_zone'] ?? null) : null,
  };
}

/** `Create View`, `Create Procedure`, … */
function createColumn(row: Record<string, string | null>): string | null {
  return Object.entries(row).find(([key]) => key.startsWith('Create '))?.[1] ?? null;
}

async function create(session: Session, object: SchemaObject, definer: string): Promise<void> {
  const owner = `DEFINER=${account(definer).text} `;
  const text = object.create.replace(HEAD, (_head, _replace, algorithm: string | undefined) => {
    return `CREATE ${algorithm ?? ''}${owner}`;
  });
  if (object.sqlMode !== null) await session.run(sql`SET SESSION sql_mode = ?`, [object.sqlMode]);
  if (object.timeZone !== null) await session.run(sql`SET SESSION time_zone = ?`, [object.timeZone]);
  await session.run(shownByServer(text));
}
