import type { Readable, Writable } from 'node:stream';
import { ServiceError, serviceErrors } from '@vcap/service-api';
import type { Registry } from './registry.ts';
import type { Binding, Credentials, Instance, InstanceRef, InstanceRequest, JobWork, Work } from './types.ts';

/**
 * What a service writes to run on a node (services.md §9). The base around it speaks on the bus, keeps the registry,
 * limits times, undoes failed and late work, counts capacity, announces, reports orphans and runs lifecycle jobs.
 *
 * The order is always: `newInstance` or `newBinding` (pure) → the base saves a pending row with these credentials → the
 * method with effects → the row is ready → the answer. After a crash or failure in between, the base calls the
 * matching delete method with the row. So deletes must be idempotent: what is absent is fine, and they delete all that
 * a half-done create may have left under the names in the row, and nothing else.
 *
 * Failures are thrown: a `ServiceError` is told to the user with its code; anything else is 30500 and logged. Names
 * from messages reach these methods only when `isInstanceName` accepts them; values are still never to be pasted into
 * commands. Work on one instance never overlaps; different instances run side by side.
 */
export abstract class Node {
  /** Versions it can provision; the first is the default. */
  abstract readonly versions: readonly string[];

  /** Opens pools and the like; called before any message is taken. A rejection ends the process. */
  async start(_registry: Registry): Promise<void> {}

  async stop(): Promise<void> {}

  /** False keeps the node silent: no announcement, so no new instances. */
  ready(): boolean {
    return true;
  }

  /** Names and passwords for a new instance, from a cryptographic source; no effect outside. */
  abstract newInstance(request: InstanceRequest): Credentials;

  /**
   * Is there anything of this name already, ours or not? Asked before a create with given credentials: a create then
   * fails and nothing that was there is touched.
   */
  abstract exists(instance: Instance): Promise<boolean>;

  /** Makes it. On failure or lateness the base calls `unprovision`. */
  abstract provision(instance: Instance, work: Work): Promise<void>;

  /** Deletes the instance with all accounts on it. Idempotent; knows orphans by their name alone. */
  abstract unprovision(instance: InstanceRef, work: Work): Promise<void>;

  /** Names and passwords for an account; `given` ones are kept, with this node's address and port. */
  abstract newBinding(
    instance: Instance,
    options: Readonly<Record<string, unknown>>,
    given?: Credentials,
  ): Credentials;

  /** Makes the account, or with given credentials makes sure of it. */
  abstract bind(instance: Instance, binding: Binding, work: Work): Promise<void>;

  /** Revokes the account and ends its sessions. Idempotent. Never touches the instance's own account. */
  abstract unbind(binding: Binding, work: Work): Promise<void>;

  /** Names of what really exists on the server and has the form of this service's names; adds to the registry's. */
  async listInstances(): Promise<string[]> {
    return [];
  }

  /** Accounts that really exist: credentials with the instance's `name` and the account's `user`. */
  async listBindings(): Promise<Credentials[]> {
    return [];
  }

  /** May this be a name of an instance of this service? */
  isInstanceName(name: string): boolean {
    return /^[A-Za-z][A-Za-z0-9_-]{0,63}$/.test(name);
  }

  /** What tells one binding of an instance from another; the originals: `username`, else `user`. */
  accountOf(credentials: Credentials): string {
    const account = credentials['username'] ?? credentials['user'];
    return typeof account === 'string' ? account : '';
  }

  /** Units left, of `max`, once `instances` exist; the default counts `unit` for each. */
  capacityLeft(max: number, instances: number, unit: number): number {
    return max - instances * unit;
  }

  /** Capacity that one instance takes. */
  readonly capacityUnit: number = 1;

  /**
   * Writes all data of the instance into `to`, in a form that `load` reads; it need not be compressed. Resolves when all
   * is written, and rejects when that is not so.
   */
  async dump(_instance: Instance, _to: Writable, _work: JobWork): Promise<void> {
    throw new ServiceError(serviceErrors.notEnabled, 'dump');
  }

  /**
   * Replaces the data with what `dump` wrote. Atomic for the user: load beside, then swap; when it fails, or the
   * process dies, the old data is still in place. May be called again after a crash.
   */
  async load(_instance: Instance, _from: Readable, _work: JobWork): Promise<void> {
    throw new ServiceError(serviceErrors.notEnabled, 'load');
  }

  /** Ending of the dump's file name inside a serialized file, `.gz` is added: `.sql`. */
  readonly dumpSuffix: string = '.data';

  /** Ends all access, that of the instance's own account too. Idempotent. */
  async disable(_instance: Instance, _bindings: readonly Binding[], _work: Work): Promise<void> {
    throw new ServiceError(serviceErrors.notEnabled, 'disable');
  }

  /** Gives all access back. Idempotent. */
  async enable(_instance: Instance, _bindings: readonly Binding[], _work: Work): Promise<void> {
    throw new ServiceError(serviceErrors.notEnabled, 'enable');
  }

  /** More for /varz; asked for every 30 s. Instances' health goes under `instances` as name → `ok` or what is wrong. */
  async varz(): Promise<Record<string, unknown>> {
    return {};
  }

  /** Services have numbers of their own for these (MySQL 31002, 31003). */
  instanceNotFound(name: string): ServiceError {
    return new ServiceError(serviceErrors.notFound, `instance ${name}`);
  }

  bindingNotFound(account: string): ServiceError {
    return new ServiceError(serviceErrors.notFound, `binding ${account}`);
  }
}
