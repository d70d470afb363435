import type { PlaneSettings } from '../context.ts';
import type { StatsReport } from '../stats.ts';
import type { RouteChange } from '../table/table.ts';
import type { TransportKind } from '../wire/transport.ts';

/** What a worker is started with. */
export interface WorkerSetup {
  readonly settings: PlaneSettings;
  readonly address: string;
  readonly ip: string;
  readonly port: number;
  /** An inherited listening socket; absent: the worker listens itself, beside the others. */
  readonly fd?: number | undefined;
  readonly tls?: TlsSetup | undefined;
  readonly proxyProtocol: boolean;
  readonly accessLog?: string | undefined;
  readonly transport?: TransportKind | undefined;
}

/** How a worker takes TLS. */
export interface TlsSetup {
  readonly port: number;
  readonly directory: string;
  readonly fd?: number | undefined;
  /** In Base64, the same for all: a session goes on with any of them. */
  readonly ticketKeys: string;
}

/** From the registry's process to a worker. */
export type ToWorker =
  | { readonly kind: 'setup'; readonly setup: WorkerSetup }
  | { readonly kind: 'changes'; readonly changes: RouteChange[] }
  /** Let visitors in. */
  | { readonly kind: 'serve' }
  /** Tell visitors to close. */
  | { readonly kind: 'drain' }
  /** Let nobody in, wait for what runs; answered `finished`. */
  | { readonly kind: 'finish'; readonly timeoutMs: number }
  | { readonly kind: 'stop' };

/** From a worker to the registry's process. */
export type FromWorker =
  | {
      readonly kind: 'listening';
      readonly port: number;
      readonly tlsPort: number;
      readonly transport: TransportKind;
    }
  | { readonly kind: 'failed'; readonly why: string }
  | { readonly kind: 'report'; readonly report: StatsReport }
  | { readonly kind: 'aside'; readonly address: string }
  | {
      readonly kind: 'log';
      readonly level: 'info' | 'warn' | 'error';
      readonly fields: Record<string, unknown>;
    }
  | { readonly kind: 'finished'; readonly left: number };
