import type { Clock } from '@vcap/clock';
import type { Credentials, Handle } from '@vcap/service-api';

/** A handle whose credentials name its instance. */
export type ServiceHandle = Handle & { credentials: Credentials };

/** How long the cloud controller may take to save what it was answered. */
const graceMs = 60_000;

/**
 * The cloud controller's handles, as this gateway knows them: a copy that is replaced at each fetch. What happened here
 * since a fetch began outlives it.
 */
export class HandleCache {
  readonly #clock: Clock;
  readonly #handles = new Map<string, ServiceHandle>();
  readonly #added = new Map<string, number>();
  readonly #removed = new Map<string, number>();
  /** False until a first fetch succeeded. */
  loaded = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(id: string): ServiceHandle | undefined {
    return this.#handles.get(id);
  }

  instance(id: string): ServiceHandle | undefined {
    const handle = this.#handles.get(id);
    return handle && isInstance(handle) ? handle : undefined;
  }

  instances(): ServiceHandle[] {
    return [...this.#handles.values()].filter(isInstance);
  }

  bindingsOf(instance: string): ServiceHandle[] {
    return [...this.#handles.values()].filter(
      (handle) => !isInstance(handle) && handle.credentials.name === instance,
    );
  }

  all(): ServiceHandle[] {
    return [...this.#handles.values()];
  }

  add(handle: ServiceHandle): void {
    this.#handles.set(handle.service_id, handle);
    this.#added.set(handle.service_id, this.#clock.monotonic());
    this.#removed.delete(handle.service_id);
  }

  remove(id: string): void {
    this.#handles.delete(id);
    this.#added.delete(id);
    this.#removed.set(id, this.#clock.monotonic());
  }

  /** Takes a list that was asked for at `askedAt` (monotonic). */
  replace(handles: readonly ServiceHandle[], askedAt: number): void {
    const old = new Map(this.#handles);
    this.#handles.clear();
    for (const handle of handles) {
      if ((this.#removed.get(handle.service_id) ?? -Infinity) >= askedAt) continue;
      const changedHere = (this.#added.get(handle.service_id) ?? -Infinity) >= askedAt;
      this.#handles.set(handle.service_id, (changedHere && old.get(handle.service_id)) || handle);
    }
    for (const [id, at] of this.#added) {
      const own = old.get(id);
      if (this.#handles.has(id) && at < askedAt) this.#added.delete(id);
      else if (!own || at < askedAt - graceMs) this.#added.delete(id);
      else if (!this.#handles.has(id)) this.#handles.set(id, own);
    }
    for (const [id, at] of this.#removed) if (at < askedAt) this.#removed.delete(id);
    this.loaded = true;
  }
}

function isInstance(handle: ServiceHandle): boolean {
  return handle.service_id === handle.credentials.name;
}
