/** A request as the backend's own parser (`node:http`) saw it. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly rawHeaders: readonly string[];
  readonly body: string;
  readonly trailers: Readonly<Record<string, string | undefined>>;
  /** Whether the body came to its end. */
  readonly complete: boolean;
}

/** What may be said of a request that is to reach the backend. */
export interface SeenCheck {
  readonly method?: string;
  readonly url?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly trailers?: Readonly<Record<string, string>>;
}

/** An answer as the client got it. */
export interface Got {
  readonly status: number;
  readonly head: string;
  readonly body: string;
  /** Whether the body came to its end by its own framing. */
  readonly complete: boolean;
}

/**
 * One case: bytes on a connection and what comes of them. `{id}` in the bytes is replaced by a number of the case's
 * own, by which its requests are known to the backend. Text is sent as latin1.
 */
export interface Case {
  readonly name: string;
  /** Sent one after another, each when the one before has gone out. */
  readonly send: readonly (string | Buffer)[];
  /** Ends the client's direction after the last piece. */
  readonly end?: boolean;
  readonly expect: {
    /** The statuses of the answers, in order; several where more than one is right. */
    readonly statuses: readonly (number | readonly number[])[];
    /** Whether the router closes afterwards; undefined: either. */
    readonly closed?: boolean;
    /** What reaches the backend, in order; undefined: nothing may. */
    readonly reached?: readonly SeenCheck[];
    /** Patterns of the first answer's head and body. */
    readonly head?: RegExp;
    readonly notHead?: RegExp;
    readonly body?: string | RegExp;
    /** The first answer is cut off. */
    readonly cut?: boolean;
  };
}

/** A case in which one sound request is served, and the connection stays open. */
export function served(
  name: string,
  bytes: string | readonly (string | Buffer)[],
  seen: SeenCheck = {},
): Case {
  const send = typeof bytes === 'string' ? [bytes] : bytes;
  return { name, send, expect: { statuses: [200], closed: false, reached: [seen] } };
}

/** A case in which nothing reaches the backend and the connection is closed after one answer. */
export function refused(
  name: string,
  bytes: string | Buffer | readonly (string | Buffer)[],
  statuses: readonly number[] = [400],
): Case {
  const send = typeof bytes === 'string' || Buffer.isBuffer(bytes) ? [bytes] : bytes;
  return { name, send, expect: { statuses: [statuses], closed: true } };
}

/** A GET of the case's own. */
export const get = (headers = '', target = '/{id}', version = '1.1'): string =>
  `GET ${target} HTTP/${version}\r\nHost: echo.test\r\n${headers}\r\n`;

/** A POST of the case's own. */
export const post = (headers: string, body = '', target = '/{id}'): string =>
  `POST ${target} HTTP/1.1\r\nHost: echo.test\r\n${headers}\r\n${body}`;

/** Must never reach a backend; behind a message whose end two parsers might see in two places. */
export const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: echo.test\r\n\r\n';
