import type { Logger, Trace } from '@vcap/bus';
import type { Credentials } from '@vcap/service-api';

export type { Credentials } from '@vcap/service-api';

/** A provisioned thing, as the registry keeps it. */
export interface Instance {
  /** The same as `credentials.name`. */
  readonly name: string;
  readonly plan: string;
  readonly version: string;
  readonly credentials: Credentials;
  /** Whatever the service wants to remember of it; changed with `registry.setData`. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** What is known of something to be deleted: an orphan has a name and nothing else. */
export interface InstanceRef extends Partial<Omit<Instance, 'name'>> {
  readonly name: string;
}

/** An account of an application on an instance. */
export interface Binding {
  /** Name of the instance; the same as `credentials.name`. */
  readonly instance: string;
  readonly credentials: Credentials;
  readonly options: Readonly<Record<string, unknown>>;
}

/** What accompanies one piece of work. */
export interface Work {
  /** Aborts when nobody waits for the result any more; the base undoes what was made. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly trace: Trace;
  /**
   * To be called between every two statements that change something outside. Tests end the process there, to show that
   * the next start repairs what was left. Throws when `signal` has aborted.
   */
  step(name: string): void;
}

/** Work of a lifecycle job: long, and seen by the user. */
export interface JobWork extends Work {
  /** What is being done, for the user; percent where it can be known. */
  progress(text: string, percent?: number): void;
}

/** What a new instance is to be. */
export interface InstanceRequest {
  plan: string;
  version: string;
  /** Recovery and migration: keep its name, user and password; address and port are this node's. */
  given?: Credentials | undefined;
}
