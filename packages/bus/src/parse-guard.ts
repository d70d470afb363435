import type { Clock } from '@vcap/clock';
import type { Logger } from 'pino';
import type { z } from 'zod';

const oneMinuteMs = 60_000;
const mostSenders = 1000;

/** Parses what comes from the bus; what does not fit is counted and logged once per sender and minute. */
export class ParseGuard {
  rejected = 0;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #lastLogged = new Map<string, number>();

  constructor(log: Logger, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** The message, or undefined when it is no JSON or not of the schema. An empty body is `{}`. */
  parse(schema: z.ZodType | undefined, data: Uint8Array, subject: string, sender: string): unknown {
    let value: unknown;
    try {
      value = data.length === 0 ? {} : JSON.parse(new TextDecoder().decode(data));
    } catch {
      this.#reject(subject, sender, 'not JSON');
      return undefined;
    }
    if (!schema) return value;
    const result = schema.safeParse(value);
    if (result.success) return result.data ?? {};
    const issue = result.error.issues[0];
    this.#reject(subject, sender, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`);
    return undefined;
  }

  #reject(subject: string, sender: string, why: string): void {
    this.rejected++;
    const key = `${subject} ${sender}`;
    const now = this.#clock.monotonic();
    const last = this.#lastLogged.get(key);
    if (last !== undefined && now - last < oneMinuteMs) return;
    if (this.#lastLogged.size >= mostSenders) this.#lastLogged.clear();
    this.#lastLogged.set(key, now);
    this.#log.warn({ event: 'message-dropped', subject, sender, why });
  }
}
