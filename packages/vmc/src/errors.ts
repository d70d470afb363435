/** A failure that is told to the user in one line, with what to do next where that is known. */
export class VmcError extends Error {
  readonly hint: string | undefined;
  /** Exit status of the process. */
  readonly exitCode: number;

  constructor(message: string, options: { hint?: string; exitCode?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = new.target.name;
    this.hint = options.hint;
    this.exitCode = options.exitCode ?? 1;
  }
}

/** The command line itself is wrong: exit status 2. */
export class UsageError extends VmcError {
  constructor(message: string, hint?: string) {
    super(message, hint === undefined ? { exitCode: 2 } : { exitCode: 2, hint });
  }
}

/** The target could not be reached at all. */
export class ConnectError extends VmcError {}

/** The controller answered with a status of 400 or more. */
export class ApiError extends VmcError {
  readonly status: number;
  /** Number in the controller's error catalogue; absent when the answer was not its JSON. */
  readonly code: number | undefined;
  /** The controller's own text, without the number in front. */
  readonly description: string;
  /** For status 416: how many bytes the file has. */
  rangeSize: number | undefined;

  constructor(status: number, code: number | undefined, description: string, hint?: string) {
    const text = description.replaceAll('"', "'");
    super(
      code === undefined ? `Error (HTTP ${status}): ${text}` : `Error ${code}: ${text}`,
      hint === undefined ? {} : { hint },
    );
    this.status = status;
    this.code = code;
    this.description = text;
  }

  /** v1 answers 400 or 404 when something is not there. */
  get notFound(): boolean {
    return this.status === 404;
  }
}

const hints: Record<number, string> = {
  200: 'Log in (again) with `vmc login`; a token lives for a limited time.',
  201: 'See the known users with `vmc users` (admins only).',
  202: 'Choose the https address of the target: `vmc target https://...`.',
  301: 'See your applications with `vmc apps`, or create this one with `vmc push`.',
  304: 'See the running instances with `vmc instances APP`.',
  305: 'Start it first: `vmc start APP`.',
  306: 'The instance may have gone: see `vmc instances APP` and `vmc crashes APP`.',
  307: 'See the runtimes of the target with `vmc runtimes`.',
  308: 'See the frameworks of the target with `vmc frameworks`.',
  310: 'Read the staging output above, or with `vmc crashlogs APP` what a crashed instance said; `vmc update APP` sends mended files, then `vmc start APP` tries again.',
  402: 'Check the size of the application and its .vmcignore.',
  500: 'See the services with `vmc services`.',
  600: 'Use less memory (`--mem`), fewer instances, or stop another application.',
  601: 'Delete an application you no longer need: `vmc delete APP`.',
  602: 'Unmap a URL first: `vmc unmap APP URL`.',
  701: 'Choose another URL with `--url`.',
  702: `Use a URL below the target's own domain.`,
};

/** What the user can do about a controller error. */
export function hintFor(code: number | undefined): string | undefined {
  return code === undefined ? undefined : hints[code];
}
