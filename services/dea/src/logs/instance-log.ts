import { join } from 'node:path';
import type { Clock } from '@vcap/clock';
import { SerialQueue } from '../instance/serial-queue.ts';
import { LogFile } from './log-file.ts';
import type { RateLimits } from './rate-limit.ts';
import { LOG_SOURCES } from './record.ts';
import type { NewLine, Positions } from './record.ts';
import { LogSpool } from './spool.ts';
import type { SpoolPage } from './spool.ts';
import { Tail } from './tail.ts';

/** Settings of every instance's log. */
export interface InstanceLogOptions {
  clock: Clock;
  /** Of an instance's stdout.log and stderr.log, in bytes. */
  fileBytes: number;
  /** Of the numbered lines kept, in bytes. */
  keepBytes: number;
  /** Of stdout and of stderr, each. */
  limits: RateLimits;
}

const TELL_LOST_MS = 1000;
const CUT_PAUSE_MS = 1000;
const MOST_WAITING = 64;
/** Looks until a missing file is given up. */
const MOST_SEARCHES = 100;

/** The log stream of one instance: reads behind the instance's files, numbers, stores and hands out lines. */
export class InstanceLog {
  private readonly options: InstanceLogOptions;
  private readonly spool: LogSpool;
  private readonly queue = new SerialQueue();
  private readonly waiting = new Set<() => void>();
  private logsDir = '';
  private searches = 0;
  private tails: Tail[] = [];
  private batch: NewLine[] = [];
  private toldLostAtMs = 0;
  private cutAtMs = -Infinity;
  private pumping = false;
  private finished = false;

  constructor(options: InstanceLogOptions, spoolDir: string) {
    this.options = options;
    this.spool = new LogSpool(spoolDir, Math.ceil(options.keepBytes / 2));
  }

  /** Nothing more will come. */
  get ended(): boolean {
    return this.finished;
  }

  /** Number of the last line. */
  get lastSeq(): number {
    return this.spool.lastSeq;
  }

  /** Takes over what is stored already; `ended`: the instance is no more. */
  async open(ended = false): Promise<void> {
    await this.spool.open();
    this.finished = ended;
  }

  /**
   * Begins to read the files, where the last reader stopped. One that is not there yet is looked for again: a container
   * makes them once its program starts.
   */
  follow(rootDir: string): void {
    this.logsDir = join(rootDir, 'logs');
    this.searches = MOST_SEARCHES;
    this.openFiles();
  }

  private openFiles(): void {
    if (this.searches === 0 || this.finished || this.tails.length === LOG_SOURCES.length) return;
    this.searches -= 1;
    const { clock, limits } = this.options;
    const { positions } = this.spool;
    for (const [place, source] of LOG_SOURCES.entries()) {
      if (this.tails.some((tail) => tail.source === source)) continue;
      try {
        const file = new LogFile(this.logsDir, `${source}.log`, positions[place] ?? 0);
        const tail: Tail = new Tail(source, file, limits, clock.monotonic(), {
          line: (text) => this.batch.push({ source, text, at: this.positions() }),
          dropped: (lines, bytes, guessed) => {
            const text = leftOutText({ source, lines, bytes, guessed, limits });
            this.batch.push({ source: 'dea', text, dropped: lines, at: this.positions() });
          },
        });
        this.tails.push(tail);
        this.tails.sort(
          (left, right) => LOG_SOURCES.indexOf(left.source) - LOG_SOURCES.indexOf(right.source),
        );
      } catch {
        // not there yet; or the application removed it, or put something else there
      }
    }
  }

  /** Adds a line of the DEA's own. */
  async note(text: string): Promise<void> {
    if (this.finished) return;
    this.batch.push({ source: 'dea', text, at: this.positions() });
    await this.store();
  }

  /** Takes what is new, at most `maxBytes` of each file. Does nothing while the last take is being stored. */
  pump(maxBytes: number): Promise<void> {
    this.openFiles();
    if (this.pumping || this.tails.length === 0) return Promise.resolve();
    this.pumping = true;
    return this.queue.run(async () => {
      try {
        const now = this.options.clock.monotonic();
        for (const tail of this.tails) tail.take(maxBytes, now);
        if (now - this.toldLostAtMs >= TELL_LOST_MS) {
          this.toldLostAtMs = now;
          for (const tail of this.tails) tail.tellLost();
        }
        await this.store();
        await this.cutWhatIsDue(now);
      } finally {
        this.pumping = false;
      }
    });
  }

  /** Takes all that is left, says `lastWords` and lets go of the files. */
  finish(lastWords: string): Promise<void> {
    return this.queue.run(async () => {
      if (this.finished) return;
      this.openFiles();
      const now = this.options.clock.monotonic();
      for (const tail of this.tails) tail.finish(now);
      this.batch.push({ source: 'dea', text: lastWords, at: this.positions() });
      this.tails = [];
      this.finished = true;
      await this.store().finally(() => this.wake());
    });
  }

  /** Lets go of files and readers; another DEA may go on. */
  close(): Promise<void> {
    return this.queue.run(async () => {
      for (const tail of this.tails.splice(0)) tail.close();
      this.finished = true;
      this.wake();
    });
  }

  /** Stored lines after `after`, at most so many. */
  read(after: number, maxLines: number, maxBytes: number): Promise<SpoolPage> {
    return this.spool.read(after, maxLines, maxBytes);
  }

  /** Resolves once there is something after `after`, at the end of the log, when `signal` aborts, or after `ms`. */
  async waitFor(after: number, ms: number, signal: AbortSignal): Promise<void> {
    if (this.lastSeq > after || this.finished || this.waiting.size >= MOST_WAITING) return;
    const awake = new AbortController();
    const wake = (): void => awake.abort();
    this.waiting.add(wake);
    await this.options.clock.sleep(ms, AbortSignal.any([awake.signal, signal]));
    this.waiting.delete(wake);
  }

  /** Forgets every line. */
  async remove(): Promise<void> {
    await this.close();
    await this.spool.remove();
  }

  private wake(): void {
    for (const wake of this.waiting) wake();
  }

  /** Where a successor has to go on in each file. */
  private positions(): Positions {
    const [stdout, stderr] = this.spool.positions;
    const told = new Map(this.tails.map((tail) => [tail.source, tail.told]));
    return [told.get('stdout') ?? stdout, told.get('stderr') ?? stderr];
  }

  private async store(): Promise<void> {
    const lines = this.batch;
    this.batch = [];
    if (lines.length === 0) return;
    await this.spool.append(lines, this.options.clock.now());
    this.wake();
  }

  private async cutWhatIsDue(now: number): Promise<void> {
    const { fileBytes } = this.options;
    if (now - this.cutAtMs < CUT_PAUSE_MS) return;
    for (const tail of this.tails) {
      const bytes = tail.cutDue(fileBytes);
      if (bytes === 0) continue;
      this.cutAtMs = now;
      const after = this.positions();
      after[LOG_SOURCES.indexOf(tail.source)] = Math.max(0, tail.told - bytes);
      // Before the cut: a DEA killed in between reads some lines twice; the other way round it would miss some.
      await this.spool.append([], 0, after);
      await tail.cut(bytes, fileBytes);
      await this.spool.append([], 0, this.positions());
    }
  }
}

function leftOutText(what: {
  source: string;
  lines: number;
  bytes: number;
  guessed: boolean;
  limits: RateLimits;
}): string {
  const { bytes, guessed, limits, lines, source } = what;
  return (
    `${guessed ? 'about ' : ''}${lines} lines of ${source} (${bytes} bytes) are left out here: ` +
    `more than ${limits.linesPerSecond} lines or ${limits.bytesPerSecond} bytes a second`
  );
}
