import { randomUUID } from 'node:crypto';
import type { Database, Queryable } from '../db/open.ts';
import type { OperationKind } from '../db/service-schema.ts';

/** What was asked of a gateway. */
export interface Operation {
  id: number;
  guid: string;
  kind: OperationKind;
  state: 'in progress' | 'succeeded' | 'failed';
  reason: string | null;
  target: string;
  attempts: number;
  instanceId: number | null;
  bindingId: number | null;
  /** Milliseconds since the epoch; 0: nobody has to look at it again. */
  dueAt: number;
  updatedAt: number;
}

export interface NewOperation {
  kind: OperationKind;
  actor: string;
  target: string;
  traceId: string;
  spaceId: number;
  instanceId: number;
  bindingId?: number;
  dueAt: number;
}

/** Operations on services: a record exists before a gateway is called, so that nothing half-done is forgotten. */
export class ServiceOperations {
  readonly #database: Database;
  readonly #db: Queryable;

  constructor(database: Database, db: Queryable = database.db) {
    this.#database = database;
    this.#db = db;
  }

  /** The same over a transaction. */
  within(tx: Queryable): ServiceOperations {
    return new ServiceOperations(this.#database, tx);
  }

  /** Begins one; older ones of the same instance or binding need no attention any more. */
  async begin(operation: NewOperation): Promise<Operation> {
    const now = this.#database.clock.now();
    const { instanceId, bindingId } = operation;
    const older = this.#db.updateTable('service_operations').set({ due_at: 0 });
    await (
      bindingId === undefined
        ? older.where('service_instance_id', '=', instanceId).where('service_binding_id', 'is', null)
        : older.where('service_binding_id', '=', bindingId)
    ).execute();
    const guid = randomUUID();
    const { insertId } = await this.#db
      .insertInto('service_operations')
      .values({
        guid,
        kind: operation.kind,
        state: 'in progress',
        actor: operation.actor,
        target: operation.target,
        trace_id: operation.traceId,
        space_id: operation.spaceId,
        attempts: 1,
        service_instance_id: instanceId,
        service_binding_id: bindingId ?? null,
        due_at: operation.dueAt,
        created_at: now,
        updated_at: now,
      })
      .executeTakeFirstOrThrow();
    return {
      id: Number(insertId),
      guid,
      kind: operation.kind,
      state: 'in progress',
      reason: null,
      target: operation.target,
      attempts: 1,
      instanceId,
      bindingId: bindingId ?? null,
      dueAt: operation.dueAt,
      updatedAt: now,
    };
  }

  async succeed(id: number): Promise<void> {
    await this.#end(id, { state: 'succeeded', reason: null, due_at: 0 });
  }

  /** `dueAt` is when it is tried again; 0 for never. */
  async fail(id: number, reason: string, dueAt = 0): Promise<void> {
    await this.#end(id, { state: 'failed', reason: reason.slice(0, 4000), due_at: dueAt });
  }

  /** The latest one about each of these instances (not about their bindings). */
  async latest(instanceIds: readonly number[]): Promise<Map<number, Operation>> {
    if (instanceIds.length === 0) return new Map();
    const rows = await this.#db
      .selectFrom('service_operations')
      .selectAll()
      .where('service_instance_id', 'in', [...instanceIds])
      .where('service_binding_id', 'is', null)
      .orderBy('id')
      .execute();
    return new Map(
      rows.flatMap((row) =>
        row.service_instance_id === null ? [] : [[row.service_instance_id, toOperation(row)]],
      ),
    );
  }

  /** Those that somebody should have ended by now, or that are to be tried again. */
  async due(limit: number): Promise<Operation[]> {
    const rows = await this.#db
      .selectFrom('service_operations')
      .selectAll()
      .where('due_at', '>', 0)
      .where('due_at', '<=', this.#database.clock.now())
      .orderBy('due_at')
      .limit(limit)
      .execute();
    return rows.map(toOperation);
  }

  /** Brings forward what is to be repeated or taken over, as when an operator does not want to wait. */
  async makeAllDue(dueAt: number): Promise<void> {
    await this.#db.updateTable('service_operations').set({ due_at: dueAt }).where('due_at', '>', 0).execute();
  }

  /** Takes a due one over: of several controllers one succeeds. */
  async claim(operation: Operation, dueAt: number): Promise<boolean> {
    const { numUpdatedRows } = await this.#db
      .updateTable('service_operations')
      .set((e) => ({
        state: 'in progress' as const,
        due_at: dueAt,
        attempts: e('attempts', '+', 1),
        updated_at: this.#database.clock.now(),
      }))
      .where('id', '=', operation.id)
      .where('due_at', '=', operation.dueAt)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  }

  /** Forgets what ended before `before`. */
  async prune(before: number): Promise<void> {
    await this.#db
      .deleteFrom('service_operations')
      .where('due_at', '=', 0)
      .where('updated_at', '<', before)
      .execute();
  }

  async #end(
    id: number,
    change: { state: 'succeeded' | 'failed'; reason: string | null; due_at: number },
  ): Promise<void> {
    await this.#db
      .updateTable('service_operations')
      .set({ ...change, updated_at: this.#database.clock.now() })
      .where('id', '=', id)
      .execute();
  }
}

function toOperation(row: {
  id: number;
  guid: string;
  kind: OperationKind;
  state: Operation['state'];
  reason: string | null;
  target: string;
  attempts: number;
  service_instance_id: number | null;
  service_binding_id: number | null;
  due_at: number;
  updated_at: number;
}): Operation {
  return {
    id: row.id,
    guid: row.guid,
    kind: row.kind,
    state: row.state,
    reason: row.reason,
    target: row.target,
    attempts: row.attempts,
    instanceId: row.service_instance_id,
    bindingId: row.service_binding_id,
    dueAt: row.due_at,
    updatedAt: row.updated_at,
  };
}
