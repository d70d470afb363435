import type { RunResult } from '../task/run-command.ts';

/** What a plugin may do with the task it compiles for. */
export interface CompileContext {
  /** The app's files, to be changed in place. */
  readonly app: string;
  /** The droplet's top, above `app`; apps start in `app`, so this is `..` to them. */
  readonly staged: string;
  /** Shared between tasks. */
  readonly cacheDir: string;
  /** What the user wants started; wins over what the plugin would find. */
  readonly command: string | undefined;
  /** One line for the user's staging log. */
  say(line: string): void;
  /** Runs a program as the task's user in `app`; its output goes to the staging log. */
  run(argv: readonly [string, ...string[]], env?: Readonly<Record<string, string>>): Promise<RunResult>;
  /** Absolute path of a program on the PATH of compile commands, if there is one. */
  which(program: string): Promise<string | undefined>;
  /** Makes a directory below the droplet's top that programs may write to. */
  makeDir(name: string): Promise<void>;
}

/** What the droplet needs to start. */
export interface Compiled {
  /** Run by `bash -c` in `app/`, with `$PORT`. */
  readonly startCommand: string;
  /** Shown as the detected buildpack, e.g. `Node.js`. */
  readonly description: string;
}

/** One framework: how to know it, and how to make its app startable. */
export interface Plugin {
  /** Name in the app's `framework`. */
  readonly name: string;
  /** Whether the files look like this framework; asked only when the app names none. */
  detect(app: string): Promise<boolean>;
  /** @throws StagingError `NoAppDetectedError` or `CompileFailed`, in words for the user */
  compile(context: CompileContext): Promise<Compiled>;
}
