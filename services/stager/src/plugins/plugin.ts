import type { AppFiles } from '../container/app-files.ts';

/** What a plugin may do with the task it compiles for. */
export interface CompileContext {
  /** The app's files, as they are now. */
  readonly files: AppFiles;
  /** What the user wants started; wins over what the plugin would find. */
  readonly command: string | undefined;
  /** One line for the user's staging log. */
  say(line: string): void;
  /** The path under which commands see `relative` of the droplet's top, where `app` is. */
  path(relative: string): string;
  /**
   * The directory, as commands see it, of what `tool` downloaded for this app before. `lock`: the text that says all that
   * will be installed, if there is one.
   */
  cache(tool: string, lock: string | undefined): Promise<string>;
  /** Runs a program in `app` of the task's container; its output goes to the staging log. Answers the exit status. */
  run(argv: readonly [string, ...string[]], env?: Readonly<Record<string, string>>): Promise<number>;
  /** Whether there is such a program on the PATH of commands. */
  which(program: string): Promise<boolean>;
  /** Adds a file of the platform's own to the droplet's top; apps start in `app`, so it is `../name` to them. */
  addFile(path: string, name: string): Promise<void>;
  /** Adds a directory there that programs may write to. */
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
  detect(files: AppFiles): Promise<boolean>;
  /** @throws StagingError `NoAppDetectedError` or `CompileFailed`, in words for the user */
  compile(context: CompileContext): Promise<Compiled>;
}
