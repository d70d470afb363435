import type { Logger } from '@vcap/bus';
import type { Clock, Timer } from '@vcap/clock';
import type { Member } from '@vcap/component';
import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import { formatAccessRecord } from './access-record.ts';
import type { AccessRecord } from './access-record.ts';

const flushIntervalMs = 250;
const bufferBytes = 64 * 1024;
const spareBuffers = 4;
const backlogLimitBytes = 8 * 1024 * 1024;

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
  /** Lines as bytes: text that waits would be copied by the garbage collector again and again. */
  #buffer: Buffer = Buffer.allocUnsafeSlow(bufferBytes);
  #used = 0;
  readonly #spare: Buffer[] = [];
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
    if (this.#stream === undefined || this.#stream.writableLength > backlogLimitBytes) {
      this.dropped += 1;
      return;
    }
    const line = `${formatAccessRecord(record)}\n`;
    if (line.length > bufferBytes - this.#used) this.flush();
    if (line.length > bufferBytes) this.#stream.write(line, 'latin1');
    else this.#used += this.#buffer.write(line, this.#used, 'latin1');
  }

  /** Hands what is queued to the stream. */
  flush(): void {
    if (this.#used === 0) return;
    const full = this.#buffer;
    this.#stream?.write(full.subarray(0, this.#used), () => {
      if (this.#spare.length < spareBuffers) this.#spare.push(full);
    });
    this.#buffer = this.#spare.pop() ?? Buffer.allocUnsafeSlow(bufferBytes);
    this.#used = 0;
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
