import type { Container, ContainerExit, ContainerInfo } from '@vcap/warden';
import { LineSplitter } from '../task/line-splitter.ts';
import { leavingNothing } from './leave-nothing.ts';
import { OutputWatch } from './output-watch.ts';
import { limitError } from './limit-error.ts';
import type { ContainerLimits } from './limit-error.ts';

/** How one command runs. */
export interface CommandOptions {
  /** Relative to the droplet's top; `app` by default. */
  readonly cwd?: string;
  /** Added to the task's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Each line of stdout and stderr, without its end; the task's log by default. */
  readonly onLine?: (line: string) => void;
  readonly stdin?: number;
  /** Takes stdout in place of `onLine`. */
  readonly stdout?: number;
  /** Ends the command, on top of the task's own. */
  readonly signal?: AbortSignal;
}

/** What all commands of a task have in common. */
export interface TaskContainerOptions {
  readonly container: Container;
  readonly limits: ContainerLimits;
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Ends the task; its reason is thrown. */
  readonly signal: AbortSignal;
  readonly onLine: (line: string) => void;
}

/** The container of one task: runs its commands and says which limit ended one. */
export class TaskContainer {
  readonly #o: TaskContainerOptions;
  #end: ContainerExit | undefined;

  constructor(options: TaskContainerOptions) {
    this.#o = options;
    options.container.onExit((exit) => {
      this.#end = exit;
    });
  }

  get limits(): ContainerLimits {
    return this.#o.limits;
  }

  /** The path under which commands see `relative` of the droplet's top. */
  path(relative: string): string {
    return this.#o.container.appPath(relative);
  }

  /** Copies a file or directory of the stager's own into the droplet's top. */
  copyIn(hostPath: string, name: string): Promise<void> {
    return this.#o.container.copyIn(hostPath, name);
  }

  /**
   * Runs `argv` without a shell and resolves to its exit status.
   * @throws the signal's reason when aborted; StagingError when a limit ended it; an Error when it cannot be started
   */
  async run(argv: readonly [string, ...string[]], options: CommandOptions = {}): Promise<number> {
    const { container, env, onLine, signal } = this.#o;
    const watch = new OutputWatch();
    const lines = { stdout: this.#splitter(options, onLine), stderr: this.#splitter(options, onLine) };
    const signals = [signal, watch.signal, ...(options.signal ? [options.signal] : [])];
    let exit: ContainerExit;
    const ending = AbortSignal.any(signals);
    try {
      const running = container.run({
        argv: leavingNothing(argv, container.info().isolation),
        cwd: options.cwd ?? 'app',
        env: { ...env, ...options.env },
        signal: ending,
        ...(options.stdin === undefined ? {} : { stdin: options.stdin }),
        ...(options.stdout === undefined ? {} : { stdout: options.stdout }),
        onOutput: (chunk, source) => {
          if (!ending.aborted && watch.look(chunk)) lines[source].push(chunk);
        },
      });
      exit = await unlessAborted(running, ending);
    } catch (error) {
      throw ending.aborted ? error : await this.#explain(watch, undefined, error);
    } finally {
      lines.stdout.end();
      lines.stderr.end();
    }
    const failure = await this.#explain(watch, exit, undefined);
    if (failure !== undefined) throw failure;
    return exit.exitStatus;
  }

  #splitter(options: CommandOptions, onLine: (line: string) => void): LineSplitter {
    return new LineSplitter(options.onLine ?? onLine);
  }

  /** Why a command failed, if a limit was the reason; otherwise what it was said to be. */
  async #explain(watch: OutputWatch, exit: ContainerExit | undefined, error: unknown): Promise<unknown> {
    if (exit?.exitStatus === 0 && exit.reason === 'exited') return undefined;
    const info: ContainerInfo | undefined = await this.#o.container.measure().catch(() => undefined);
    const reason = exit?.reason === 'exited' ? this.#end?.reason : (exit?.reason ?? this.#end?.reason);
    return limitError(this.#o.limits, { reason, info, saw: watch.saw }) ?? error;
  }
}

/**
 * A command may have left something that holds its output, and then it does not end when it is told to: the task that it
 * is of is over, and whatever is left of it ends with the container.
 */
const unlessAborted = async <Result>(running: Promise<Result>, signal: AbortSignal): Promise<Result> => {
  running.catch(() => undefined);
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([running, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
};
