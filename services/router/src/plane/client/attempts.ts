import type { BackendConnection } from '../backend/backend-connection.ts';
import type { PlaneContext } from '../context.ts';
import { routerErrors } from '../router-errors.ts';
import type { RouterError } from '../router-errors.ts';
import type { Endpoint } from '../table/endpoint.ts';
import type { TableRoute } from '../table/table.ts';
import type { RequestRecord } from './record.ts';

/** Whom a request was given to, and who is left to try. */
export class Attempts {
  /** The backend that has the request now. */
  busy: Endpoint | undefined;
  /** The last one did not accept in time. */
  timedOut = false;
  readonly #context: PlaneContext;
  #route: TableRoute | undefined;
  #sticky: string | undefined;
  #hash: string | undefined;
  /** Monotonic ms at which the request came. */
  #startedAt = 0;
  /** Monotonic ms of the last attempt; 0: none was made. */
  #attemptedAt = 0;
  #tried: Set<Endpoint> | undefined;

  constructor(context: PlaneContext) {
    this.#context = context;
  }

  /** For a new request. */
  begin(): void {
    this.#startedAt = this.#context.clock.monotonic();
    this.#attemptedAt = 0;
    this.timedOut = false;
    this.#tried = undefined;
  }

  /** Takes the route, the instance the visitor sticks to, and what `hash` goes by. */
  aim(route: TableRoute, sticky: string | undefined, hash: string | undefined): void {
    this.#route = route;
    this.#sticky = sticky;
    this.#hash = hash;
  }

  /** The next backend, which then has the request; or why there is none. */
  next(): Endpoint | RouterError {
    const { clock, pick, settings } = this.#context;
    const route = this.#route as TableRoute;
    const tried = this.#tried;
    const now = tried === undefined ? this.#startedAt : clock.monotonic();
    const spent = tried !== undefined && now - this.#startedAt > settings.retryBudgetMs;
    const endpoint = spent ? undefined : pick(route, tried, this.#sticky, this.#hash, now);
    if (endpoint !== undefined) {
      this.busy = endpoint;
      endpoint.active += 1;
      return endpoint;
    }
    if (tried !== undefined)
      return this.timedOut ? routerErrors.endpointTimeout : routerErrors.endpointFailure;
    const full = route.members.some((each) => each.health !== 'down');
    return full ? routerErrors.overloaded : routerErrors.noEndpoints;
  }

  /** A connection to a backend: a kept one if it may be, else a new one. */
  connect(endpoint: Endpoint, kept: boolean, repeatable: boolean): BackendConnection {
    const { clock, pool, wheel } = this.#context;
    this.#attemptedAt = clock.monotonic();
    return (
      (kept ? pool.take(endpoint, repeatable, wheel.now) : undefined) ?? pool.open(this.#context, endpoint)
    );
  }

  /** Nobody is sent to it until it registers again, or, as a suspect, while there is anybody else. */
  setAside(endpoint: Endpoint, health: 'down' | 'suspect'): void {
    endpoint.health = health;
    this.#context.setAside(endpoint);
  }

  /** Notes that the backend failed. */
  warn(kind: string, error: Error): void {
    const { address, app } = this.busy?.facts ?? {};
    this.#context.log.warn({ event: 'backend-failed', address, app, kind, why: error.message });
  }

  /** The backend has the request no more and does not get it again. */
  leaveOut(): void {
    const endpoint = this.busy;
    this.release();
    if (endpoint !== undefined) (this.#tried ??= new Set()).add(endpoint);
  }

  /** The backend has the request no more. */
  release(): void {
    const endpoint = this.busy;
    this.busy = undefined;
    if (endpoint !== undefined) endpoint.active -= 1;
  }

  /** Notes how long it took so far, and how long until the last attempt. */
  measure(record: RequestRecord): void {
    const took = this.#context.clock.monotonic() - this.#startedAt;
    record.responseTimeMs = took;
    record.routerTimeMs = this.#attemptedAt === 0 ? took : this.#attemptedAt - this.#startedAt;
  }

  /** The request is over: nothing of it is kept. */
  end(): void {
    this.release();
    this.#route = undefined;
    this.#sticky = undefined;
    this.#tried = undefined;
  }
}
