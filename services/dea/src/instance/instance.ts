import type { DropletExited, StartMessage, Trace } from '@vcap/bus';
import type { Container, ContainerExit } from '@vcap/warden';
import { SerialQueue } from './serial-queue.ts';
import { canMove } from './states.ts';
import type { InstanceState } from './states.ts';

/** What an instance is made of besides its state. */
export interface InstanceParts {
  /** 32 hex digits; changes when `dea.update` brings a new version. */
  id: string;
  /** Name of directory and container; never changes. */
  handle: string;
  message: StartMessage;
  /** 64 hex digits, the value of the router's sticky-session cookie. */
  privateInstanceId: string;
  rootDir: string;
  nowMs: number;
  trace: Trace;
}

/** What `droplet.exited` says after a stop. */
export type StopReason = Exclude<DropletExited['reason'], 'CRASHED'>;
/** Ports given to an instance; 0: none. */
export type PortUse = 'port' | 'debugPort' | 'consolePort';

type StateListener = (instance: Instance, from: InstanceState) => void;

/** One application instance. Work on it goes through `queue`; its state has one setter. */
export class Instance {
  id: string;
  readonly handle: string;
  message: StartMessage;
  readonly ports: Record<PortUse, number> = { port: 0, debugPort: 0, consolePort: 0 };
  readonly privateInstanceId: string;
  readonly rootDir: string;
  readonly queue = new SerialQueue();
  /** Aborted when a stop comes, so that a start under way gives up. */
  readonly startAbort = new AbortController();
  container: Container | undefined;
  exit: ContainerExit | undefined;
  exitDescription: string | undefined;
  stopReason: StopReason = 'STOPPED';
  startedAtMs: number;
  /** Bytes that its files take after a crash; undefined until they were measured. */
  crashBytes: number | undefined;
  /** While RESUMING: the state in the snapshot. */
  resumedFrom: InstanceState | undefined;
  /** Its end was told by the DEA before us. */
  exitTold = false;
  /** Its last stop failed and has to be tried again. */
  stuck = false;
  /** Of what is being done with it now: its start, its stop, or its crash. In every log line and message about it. */
  trace: Trace;
  private current: InstanceState = 'BORN';
  private changedAtMs: number;
  private readonly onState: StateListener;

  constructor(parts: InstanceParts, onState: StateListener) {
    this.id = parts.id;
    this.handle = parts.handle;
    this.message = parts.message;
    this.privateInstanceId = parts.privateInstanceId;
    this.rootDir = parts.rootDir;
    this.startedAtMs = parts.nowMs;
    this.trace = parts.trace;
    this.changedAtMs = parts.nowMs;
    this.onState = onState;
  }

  get state(): InstanceState {
    return this.current;
  }

  /** Milliseconds since the epoch of the last change. */
  get stateSinceMs(): number {
    return this.changedAtMs;
  }

  /** The port that requests come to. */
  get port(): number {
    return this.ports.port;
  }

  /** Moves to another state and tells the listener. Throws on a move that cannot be. */
  setState(next: InstanceState, nowMs: number): void {
    const from = this.current;
    if (!canMove(from, next)) throw new Error(`instance ${this.id} cannot go from ${from} to ${next}`);
    this.current = next;
    this.changedAtMs = nowMs;
    this.onState(this, from);
  }
}
