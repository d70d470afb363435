/** To the fleet of instances. */
export type ToFleet =
  | {
      readonly kind: 'run';
      readonly mbus: string;
      /** Between two actions, on average. */
      readonly intervalMs: number;
      readonly registerMs: number;
    }
  | { readonly kind: 'end' };

/** From the fleet. */
export type FromFleet =
  | { readonly kind: 'ready'; readonly apps: string[] }
  /** An instance goes, in order or not. */
  | { readonly kind: 'gone'; readonly app: string; readonly at: number; readonly crashed: boolean }
  | { readonly kind: 'done'; readonly actions: number; readonly instances: number };

/** To the visitors. */
export type ToLoad =
  | { readonly kind: 'run'; readonly port: number; readonly rate: number; readonly apps: readonly string[] }
  | { readonly kind: 'end' };

/** What was not as it should be. */
export interface Failure {
  readonly app: string;
  readonly method: string;
  readonly from: number;
  readonly to: number;
  readonly what: string;
}

/** From the visitors. */
export type FromLoad =
  | { readonly kind: 'failure'; readonly failure: Failure }
  | {
      readonly kind: 'done';
      readonly requests: number;
      readonly wrong: string[];
      /** Requests that were not sent because too many were running. */
      readonly skipped: number;
    };
