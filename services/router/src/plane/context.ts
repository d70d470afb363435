import type { Logger } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import type { AccessLog } from '../access-log.ts';
import type { Pick } from './balance/pick.ts';
import type { BackendPool } from './backend/pool.ts';
import type { RequestHead } from './http/request-head.ts';
import type { ResponseHead } from './http/response-head.ts';
import type { PlaneStats } from './stats.ts';
import type { Endpoint } from './table/endpoint.ts';
import type { RouteTable } from './table/table.ts';
import type { Wheel } from './wheel.ts';
import type { Transport } from './wire/transport.ts';

/** What operators choose; times in milliseconds. Plain data, so that it goes between processes. */
export interface PlaneSettings {
  readonly maxHeaderBytes: number;
  readonly stickyCookieNames: readonly string[];
  readonly requestHeaderMs: number;
  readonly clientKeepAliveMs: number;
  readonly backendKeepAliveMs: number;
  readonly connectMs: number;
  readonly responseMs: number;
  readonly idleMs: number;
  /** How long a client that ended its direction may wait for the answer to begin or go on. */
  readonly halfClosedMs: number;
  readonly retryBudgetMs: number;
  /** Most running requests on one backend; 0: any number. */
  readonly backendLimit: number;
  readonly balance: 'least-connections' | 'round-robin' | 'hash';
  /** Lower-case name of the header that `hash` goes by. */
  readonly hashHeader: string;
  readonly slowStartMs: number;
  /** Shows who holds it which router and backend served; empty: nobody. */
  readonly traceKey: string;
}

/** What every connection of a data plane works with. */
export interface PlaneContext {
  readonly clock: Clock;
  readonly log: Logger;
  readonly settings: PlaneSettings;
  readonly sessionNames: ReadonlySet<string>;
  readonly table: RouteTable;
  readonly pool: BackendPool;
  readonly transport: Transport;
  readonly wheel: Wheel;
  readonly pick: Pick;
  readonly accessLog: AccessLog;
  readonly stats: PlaneStats;
  /** Parsers' results, one message at a time. */
  readonly requestHead: RequestHead;
  readonly responseHead: ResponseHead;
  /** Address of this router, for traces. */
  readonly address: string;
  /** Shared state that changes. */
  readonly state: PlaneState;
  /** Tells the registry's owner that a backend failed and waits for its next registration. */
  readonly setAside: (endpoint: Endpoint) => void;
}

/** Figures and flags of a running plane. */
export interface PlaneState {
  /** Running requests and tunnels. */
  active: number;
  /** Health says no, answers ask clients to close. */
  draining: boolean;
  /** Idle connections are closed too. */
  closing: boolean;
  /** Called when the last request ended. */
  idle: (() => void) | undefined;
}
