import type { Database, Queryable } from '../db/open.ts';
import { inTransaction } from '../db/open.ts';
import type { SecretBox } from '../domain/secret-box.ts';
import { BindingTokens } from './binding-tokens.ts';
import { ServiceBindings } from './service-bindings.ts';
import { ServiceInstances } from './service-instances.ts';
import { ServiceOperations } from './service-operations.ts';
import { TunnelSessions } from './tunnel-sessions.ts';

/** Instances, bindings and the operations on them, which change together. */
export class ServiceStore {
  readonly instances: ServiceInstances;
  readonly bindings: ServiceBindings;
  readonly bindingTokens: BindingTokens;
  readonly operations: ServiceOperations;
  readonly tunnels: TunnelSessions;
  readonly #database: Database;
  readonly #box: SecretBox;

  constructor(database: Database, box: SecretBox, db: Queryable = database.db) {
    this.#database = database;
    this.#box = box;
    this.instances = new ServiceInstances(database, box, db);
    this.bindings = new ServiceBindings(database, box, db);
    this.bindingTokens = new BindingTokens(database, db);
    this.operations = new ServiceOperations(database, db);
    this.tunnels = new TunnelSessions(database, db);
  }

  /** The same inside a transaction. */
  within(tx: Queryable): ServiceStore {
    return new ServiceStore(this.#database, this.#box, tx);
  }

  /** Runs `work` in one transaction; it may run more than once. */
  transaction<T>(work: (store: ServiceStore) => Promise<T>): Promise<T> {
    return inTransaction(this.#database, (tx) => work(this.within(tx)));
  }
}
