/** What the cloud controller wants of one app (nats-messages §1.9). */
export interface DesiredApp {
  readonly id: string;
  readonly version: string;
  readonly instances: number;
  readonly started: boolean;
  /** Whether a droplet exists that may be started. */
  readonly staged: boolean;
  /** Seconds since the epoch of the controller's row, 0 when unknown; commands carry it back. */
  readonly updatedAt: number;
}

/** One complete walk over the bulk API. */
export interface DesiredView {
  readonly apps: ReadonlyMap<string, DesiredApp>;
  /** Apps whose row could not be read: they exist, so nothing is done about them. */
  readonly opaque: ReadonlySet<string>;
  /** Monotonic ms at which the walk began: what was seen before that is surely reflected in it. */
  readonly startedAt: number;
  readonly finishedAt: number;
}

/** States a heartbeat tells; any other is kept as it is and neither filled nor stopped. */
export type InstanceState = 'STARTING' | 'RUNNING' | 'CRASHED' | 'EVACUATING';

/** One instance as its DEA last told it. */
export interface ActualInstance {
  readonly instance: string;
  readonly droplet: string;
  readonly version: string;
  readonly index: number;
  readonly dea: string;
  readonly state: string;
  /** Seconds since the epoch, by the DEA's clock. */
  readonly stateTimestamp: number;
  /** Monotonic ms. */
  readonly lastBeat: number;
  readonly firstSeen: number;
  readonly runningSince: number | undefined;
  /** Its DEA is shutting down: it still serves, but its place is open. */
  readonly leaving: boolean;
}

/** Every known instance, by app and instance id. */
export interface ActualView {
  readonly apps: ReadonlyMap<string, ReadonlyMap<string, ActualInstance>>;
}

/** Number of instances up, by version: the controller checks its orders against it. */
export type RunningCounts = Readonly<Record<string, number>>;

/** An order to the cloud controller, for one instance. */
export type Command =
  | {
      readonly kind: 'start';
      readonly droplet: string;
      readonly version: string;
      readonly lastUpdated: number;
      readonly index: number;
      readonly running: RunningCounts;
      readonly flapping: boolean;
      /** The instance that was here last, if one is known. */
      readonly after: string | undefined;
      readonly why: 'missing' | 'crashed' | 'evacuated';
    }
  | {
      readonly kind: 'stop';
      readonly droplet: string;
      readonly version: string;
      readonly lastUpdated: number;
      readonly instance: string;
      readonly index: number;
      readonly instanceVersion: string;
      readonly running: RunningCounts;
      readonly why: 'app-absent' | 'app-stopped' | 'version-not-desired' | 'index-too-high' | 'duplicate';
    };

/** All durations in milliseconds; `config.ts` says what each is for. */
export interface Settings {
  readonly scanMs: number;
  readonly lostMs: number;
  readonly freshnessMs: number;
  readonly desiredStaleMs: number;
  readonly startGraceMs: number;
  readonly resendMs: number;
  readonly immediateRestarts: number;
  readonly minBackoffMs: number;
  readonly maxBackoffMs: number;
  readonly stableMs: number;
  readonly absenceConfirmMs: number;
}

/** Whether the instance holds its index: it is up or coming up, and will stay. */
export function holdsIndex(instance: ActualInstance): boolean {
  return !instance.leaving && (instance.state === 'RUNNING' || instance.state === 'STARTING');
}
