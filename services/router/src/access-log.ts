import type { Logger } from '@vcap/bus';
import type { Clock, Timer } from '@vcap/clock';
import type { Member } from '@vcap/component';
import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';

/** One finished exchange. Times in milliseconds, sizes in bytes of body. */
export interface AccessRecord {
  readonly host: string;
  readonly startedAt: number;
  readonly method: string;
  readonly target: string;
  readonly protocol: string;
  readonly status: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly referer: string | undefined;
  readonly userAgent: string | undefined;
  readonly clientAddress: string;
  readonly backendAddress: string | undefined;
  readonly forwardedFor: string | undefined;
  readonly forwardedProto: string | undefined;
  readonly requestId: string;
  readonly responseTimeMs: number;
  readonly routerTimeMs: number;
  readonly app: string | undefined;
  readonly index: string | undefined;
  readonly instanceId: string | undefined;
  readonly routerError: string | undefined;
}

const flushIntervalMs = 250;
const flushAtBytes = 64 * 1024;
const backlogLimitBytes = 8 * 1024 * 1024;

/** Formats a record as gorouter does (router.md 2.6); what is absent is `"-"`. */
export function formatAccessRecord(record: AccessRecord): string {
  return (
    `${safe(record.host).replaceAll(' ', String.raw`\x20`) || '-'} - [${timeText(record.startedAt)}] ` +
    `"${safe(record.method)} ${safe(record.target)} ${record.protocol}" ` +
    `${record.status} ${record.requestBytes} ${record.responseBytes} ` +
    `${quoted(record.referer)} ${quoted(record.userAgent)} "${record.clientAddress}" ` +
    `"${record.backendAddress ?? '-'}" x_forwarded_for:${quoted(record.forwardedFor)} ` +
    `x_forwarded_proto:${quoted(record.forwardedProto)} vcap_request_id:"${record.requestId}" ` +
    `response_time:${secondsText(record.responseTimeMs)} gorouter_time:${secondsText(record.routerTimeMs)} ` +
    `app_id:"${record.app ?? '-'}" app_index:"${record.index ?? '-'}" instance_id:"${record.instanceId ?? '-'}" ` +
    `x_cf_routererror:"${record.routerError ?? '-'}"`
  );
}

let secondOfText = -1;
let textOfSecond = '';

/** The time in nanoseconds of which milliseconds are known; most records are of the same second as the last. */
function timeText(at: number): string {
  const second = Math.floor(at / 1000);
  if (second !== secondOfText) {
    secondOfText = second;
    textOfSecond = new Date(second * 1000).toISOString().slice(0, 20);
  }
  const ms = Math.floor(at - second * 1000);
  return `${textOfSecond}${ms < 10 ? '00' : ms < 100 ? '0' : ''}${ms}000000Z`;
}

/** Seconds with six places; `toFixed` takes its time. */
function secondsText(ms: number): string {
  const micros = Math.round(ms * 1000);
  const whole = Math.floor(micros / 1_000_000);
  return `${whole}.${String(micros - whole * 1_000_000 + 1_000_000).slice(1)}`;
}

function quoted(value: string | undefined): string {
  return value === undefined || value === '' ? '"-"' : `"${safe(value)}"`;
}

// oxlint-disable-next-line eslint/no-control-regex -- control characters are what it looks for
const unsafe = /["\\\u0000-\u001f\u007f]/;

/** Keeps a visitor from forging fields or lines. */
function safe(value: string): string {
  return unsafe.test(value) ? escape(value) : value;
}

function escape(value: string): string {
  // oxlint-disable-next-line eslint/no-control-regex -- control characters are what it looks for
  return value.replace(/["\\\u0000-\u001f\u007f]/g, (char) =>
    char === '"' || char === '\\' ? `\\${char}` : `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

/** What the access log needs; `path` undefined turns it off, `-` is standard output. */
export interface AccessLogOptions {
  readonly path: string | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Batched access log. It is never waited for: lines that a slow disk cannot take are dropped and
 * counted in `dropped`.
 */
export class AccessLog implements Member {
  readonly name = 'access-log';
  readonly #options: AccessLogOptions;
  #pending = '';
  #stream: Writable | undefined;
  #timer: Timer | undefined;
  /** Lines that were not written. */
  dropped = 0;

  constructor(options: AccessLogOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { path, clock, log } = this.#options;
    if (path === undefined) return;
    this.#stream = path === '-' ? process.stdout : createWriteStream(path, { flags: 'a' });
    this.#stream.on('error', (error) => {
      log.error({ event: 'access-log-failed', err: error });
      this.#stream = undefined;
    });
    this.#timer = clock.setInterval(() => this.flush(), flushIntervalMs);
  }

  /** Where it goes. */
  get path(): string | undefined {
    return this.#options.path;
  }

  /** Queues one line. */
  write(record: AccessRecord): void {
    if (this.#options.path === undefined) return;
    if (
      this.#stream === undefined ||
      this.#pending.length + this.#stream.writableLength > backlogLimitBytes
    ) {
      this.dropped += 1;
      return;
    }
    this.#pending += `${formatAccessRecord(record)}\n`;
    if (this.#pending.length >= flushAtBytes) this.flush();
  }

  /** Hands what is queued to the stream. */
  flush(): void {
    if (this.#pending.length === 0) return;
    this.#stream?.write(this.#pending);
    this.#pending = '';
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.flush();
    const stream = this.#stream;
    this.#stream = undefined;
    if (stream === undefined || stream === process.stdout) return;
    await new Promise<void>((resolve) => {
      stream.once('close', resolve);
      stream.end();
    });
  }
}
