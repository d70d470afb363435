/** The seams inside the cloud controller: who stores, who talks to DEAs, who stages, who keeps bits. */
import type { Readable } from 'node:stream';
import type { Trace } from '@vcap/bus';

/** One application as the database has it, with its mapped URLs. Memory and disk in MB. */
export interface AppRecord {
  id: number;
  guid: string;
  name: string;
  orgGuid: string;
  spaceGuid: string;
  ownerEmail: string;
  framework: string;
  runtime: string | null;
  command: string | null;
  stack: string;
  memoryMb: number;
  diskMb: number;
  fds: number;
  instances: number;
  state: 'STARTED' | 'STOPPED';
  packageState: 'PENDING' | 'STAGED' | 'FAILED';
  packageHash: string | null;
  dropletHash: string | null;
  detectedStartCommand: string | null;
  /** New on every start (and on memory change while started). */
  version: string;
  stagingTaskId: string | null;
  stagingLogUrl: string | null;
  env: string[];
  /** Aliases of the bound services, sorted. */
  services: string[];
  debug: string | null;
  console: boolean;
  metaVersion: number;
  /** The older version that serves until its instances are replaced one by one. */
  replacingVersion: string | null;
  /** Milliseconds since the epoch; the controller at work renews it. */
  replacingUntil: number;
  /** The same for a staging; 0 when nobody stages. */
  stagingLeaseUntil: number;
  stagingError: string | null;
  /** The droplet is not of the newest bits: those failed, and what ran before was kept. */
  staleDroplet: boolean;
  uris: string[];
  /** Milliseconds since the epoch. */
  createdAt: number;
  updatedAt: number;
}

/** A service as an app is told of it (nats-messages §1.5, both eras). */
export interface BoundService {
  name: string;
  label: string;
  vendor: string;
  provider: string;
  version: string;
  plan: string;
  planOption: unknown;
  tags: string[];
  credentials: Record<string, unknown>;
}

/** What a health manager asks for: an instance at an empty index. */
export interface StartOrder {
  app: string;
  version: string;
  index: number;
  /** The instance whose end left the index empty; empty when the health manager knows none. */
  after: string;
}

/** What the bus-facing and staging parts may change on an app. */
export interface AppStore {
  byGuid(guid: string): Promise<AppRecord | undefined>;
  /** The services bound to the app, with their credentials. */
  boundServices(guid: string): Promise<BoundService[]>;
  /** Changes columns; answers the new record, or undefined when the app is gone. */
  update(
    guid: string,
    change: Partial<
      Pick<
        AppRecord,
        | 'state'
        | 'packageState'
        | 'packageHash'
        | 'dropletHash'
        | 'detectedStartCommand'
        | 'version'
        | 'stagingTaskId'
        | 'stagingLogUrl'
        | 'stagingLeaseUntil'
        | 'stagingError'
      >
    >,
  ): Promise<AppRecord | undefined>;
  /** Sets the fields only while `stagingTaskId` still equals `taskId`; answers whether it did. */
  finishStaging(
    guid: string,
    taskId: string,
    result:
      | { ok: true; dropletHash: string; detectedStartCommand: string | null }
      | { ok: false; keepPending?: boolean },
  ): Promise<boolean>;
  /** One-time upload token of a staging task, kept hashed in the database so that any controller accepts it. */
  putUploadToken(token: string, appGuid: string, expiresAtMs: number): Promise<void>;
  /** Consumes the token: true exactly once, for the app it was made for, before it expires. */
  takeUploadToken(token: string, appGuid: string): Promise<boolean>;
  /** Of health managers that ask for the same, one is obeyed: false when it was taken less than its `lifeMs` ago, by any controller. */
  takeStartOrder(order: StartOrder, lifeMs: number): Promise<boolean>;
  /** The order was not carried out: another may be. */
  giveBackStartOrder(order: StartOrder): Promise<void>;
}

/** A crashed instance: since when (seconds since the epoch), and why where its DEA says. */
export interface Crash {
  instance: string;
  since: number;
  reason?: string;
}
export type InstanceState =
  'STARTING' | 'RUNNING' | 'FLAPPING' | 'DOWN' | 'CRASHED' | 'STOPPING' | 'EVACUATING';
export interface InstanceView {
  index: number;
  state: InstanceState;
  /** Seconds since the epoch. */
  since: number;
  debug_ip?: string | null;
  debug_port?: number | null;
  console_ip?: string | null;
  console_port?: number | null;
}

/** One line of an instance's log; `dea` is what its DEA tells about it. */
export interface LogLine {
  /** Grows by one with each line of an instance. */
  seq: number;
  /** Seconds since the epoch. */
  time: number;
  instance: string;
  index: number;
  source: string;
  text: string;
  /** So many lines are missing here. */
  dropped?: number | undefined;
}
/** What a reader of logs has and wants. */
export interface LogQuery {
  /** The last line it has of each instance; undefined: the `recent` last lines of each. */
  cursor: Record<string, number> | undefined;
  recent: number;
  /** How long to wait when there is nothing. */
  waitSeconds: number;
}
export interface LogPage {
  lines: LogLine[];
  cursor: Record<string, number>;
}

/** Talks to DEAs for the API (implemented over the bus). */
export interface Instances {
  /** Places and starts the given indices (default: all 0..instances-1). Expects a staged app. */
  start(app: AppRecord, indices: number[] | undefined, trace: Trace): Promise<void>;
  /** Why a missing instance of a started app is not placed: what no DEA has; undefined when none is missing so. */
  shortage(app: AppRecord): string | undefined;
  /** Waits until an instance of the app's version serves at `index`, or crashed, or the time is over. */
  waitRunning(app: AppRecord, index: number, timeoutMs: number): Promise<'running' | 'crashed' | 'late'>;
  /** Stops every instance of the app, or only the given indices of the current version. */
  stop(app: AppRecord, indices: number[] | undefined, trace: Trace): Promise<void>;
  /** Tells DEAs the app's present URLs. */
  updateUris(app: AppRecord, trace: Trace): Promise<void>;
  /** Tells the health manager that desired state changed. */
  announceUpdated(app: AppRecord, trace: Trace): void;
  list(app: AppRecord, trace: Trace): Promise<InstanceView[]>;
  /** The v1 stats object keyed by index (api-v1.md §1.2d). */
  stats(app: AppRecord, trace: Trace): Promise<Record<string, unknown>>;
  crashes(app: AppRecord, trace: Trace): Promise<Crash[]>;
  /** Running instances per app GUID; null where nothing is known. One call, never one per app. */
  runningCounts(apps: AppRecord[], trace: Trace): Promise<Map<string, number | null>>;
  /** The log lines of all instances, merged. */
  logs(app: AppRecord, query: LogQuery, signal: AbortSignal, trace: Trace): Promise<LogPage>;
  /** Streams a file or listing of one instance. `target` is an index or an instance id. */
  openFile(
    app: AppRecord,
    target: { index: number } | { instanceId: string },
    path: string,
    range: string | undefined,
    trace: Trace,
  ): Promise<
    | { ok: true; status: number; headers: Record<string, string>; body: Readable }
    | { ok: false; reason: 'not-found' | 'failed'; message: string }
  >;
}

/** Frameworks and runtimes that stagers and DEAs of this cluster offer now. */
export interface Offered {
  runtimes(): { name: string; version: string; description: string }[];
  /**
   * How far applications are kept apart: `runc`, or `process` where one DEA at least runs them as plain processes;
   * undefined where none says.
   */
  isolation(): string | undefined;
}

/** Stages an app: resolves when it is staged or failed; a newer task fails the older. */
export interface Staging {
  stage(
    app: AppRecord,
    trace: Trace,
  ): Promise<{ ok: true; app: AppRecord } | { ok: false; message: string; noStager?: boolean }>;
  /** Proxies the staging log of the app's last task from `offset` bytes on; undefined when there is none. */
  openLog(app: AppRecord, offset: number): Promise<{ body: Readable; complete: boolean } | undefined>;
}

/** Packages, droplets and the resource pool. */
export interface ResourceEntry {
  fn: string;
  size: number;
  sha1: string;
  mode?: number | undefined;
  [key: string]: unknown;
}
/** The files of a package that need not be sent again. */
export interface PackageFiles {
  /** Hex sha1 of the package. */
  package: string;
  resources: ResourceEntry[];
}
export interface Bits {
  /** The entries of `list` that the organization may use because it uploaded them before. */
  match(orgGuid: string, list: ResourceEntry[]): Promise<ResourceEntry[]>;
  /**
   * Takes a multipart upload (`resources`, `application`, `base`), checks it, stores the package and answers its sha1.
   * Throws an ApiError of the error table (402 App packaging failed, 100 Bad request) and leaves nothing behind.
   */
  upload(app: AppRecord, request: import('node:http').IncomingMessage): Promise<{ sha1: string }>;
  /** What the app's present package is made of; undefined when that is not known. */
  packageFiles(app: AppRecord): Promise<PackageFiles | undefined>;
  openPackage(appGuid: string): Promise<{ size: number; body: Readable } | undefined>;
  /**
   * Stores a droplet after checking its sha1 (hex); undefined `expectedSha1` means: compute only. The one that the
   * app runs now (`dropletHash`) is kept whatever its age.
   */
  storeDroplet(
    app: { guid: string; dropletHash: string | null },
    request: import('node:http').IncomingMessage,
    expectedSha1: string | undefined,
  ): Promise<{ sha1: string }>;
  openDroplet(appGuid: string, sha1: string): Promise<{ size: number; body: Readable } | undefined>;
  deleteApp(appGuid: string): Promise<void>;
}
