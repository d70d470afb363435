import type { Writable } from 'node:stream';
import { renderTable } from './table.ts';

/** Output of a command that can be a terminal. */
export type Out = Writable & { isTTY?: boolean; columns?: number };

/** A running step; `progress` redraws its line on a terminal and does nothing elsewhere. */
export interface Step {
  progress(text: string): void;
}

interface OpenStep {
  label: string;
  /** Something was printed since: the label must be repeated before its result. */
  broken: boolean;
}

/**
 * Everything a user sees. Data goes to stdout; with `json`, and only then, all else goes to stderr, so
 * that stdout stays one JSON document.
 */
export class Ui {
  readonly json: boolean;
  private readonly out: Out;
  private readonly err: Out;
  private readonly quiet: boolean;
  private readonly color: boolean;
  private open: OpenStep | undefined;

  constructor(o: { out: Out; err: Out; json: boolean; quiet: boolean; color: boolean }) {
    this.out = o.out;
    this.err = o.err;
    this.json = o.json;
    this.quiet = o.quiet;
    this.color = o.color;
  }

  /** Where talk goes. */
  get talk(): Out {
    return this.json ? this.err : this.out;
  }

  /** Talk: left out when quiet. */
  say(text = ''): void {
    if (this.quiet) return;
    this.breakStep();
    this.talk.write(`${text}\n`);
  }

  /** What was asked for, as plain text: always printed to stdout. */
  print(text: string): void {
    this.breakStep();
    this.out.write(text.endsWith('\n') || text === '' ? text : `${text}\n`);
  }

  /** Raw bytes of a file. */
  raw(chunk: Uint8Array | string): void {
    this.breakStep();
    this.out.write(chunk);
  }

  /** Data: JSON when asked for, else what `render` makes of it. */
  data(value: unknown, render: () => string): void {
    if (this.json) this.out.write(`${JSON.stringify(value, undefined, 2)}\n`);
    else this.print(render());
  }

  /** Rows as a table, or `empty` when there are none. */
  table(value: unknown, headers: string[], rows: string[][], empty: string): void {
    this.data(value, () => (rows.length === 0 ? empty : renderTable(headers, rows)));
  }

  warn(text: string): void {
    this.breakStep();
    this.err.write(`${this.paint(33, text)}\n`);
  }

  error(text: string): void {
    this.breakStep();
    this.err.write(`${this.paint(31, text)}\n`);
  }

  /** Prints the label, does the work, prints OK; a failure leaves FAILED there and is thrown on. */
  async step<T>(label: string, work: (step: Step) => Promise<T>): Promise<T> {
    this.begin(label);
    try {
      const result = await work({ progress: (text) => this.redraw(text) });
      this.end(this.paint(32, 'OK'));
      return result;
    } catch (error) {
      this.end(this.paint(31, 'FAILED'));
      throw error;
    }
  }

  private begin(label: string): void {
    this.breakStep();
    this.open = { label, broken: false };
    if (!this.quiet) this.talk.write(`${label}: `);
  }

  private redraw(text: string): void {
    if (this.quiet || this.talk.isTTY !== true || this.open === undefined || this.open.broken) return;
    this.talk.write(`\r${this.open.label}: ${text}\u001B[K`);
  }

  private end(result: string): void {
    const step = this.open;
    this.open = undefined;
    if (this.quiet || step === undefined) return;
    if (step.broken) this.talk.write(`${step.label}: ${result}\n`);
    else if (this.talk.isTTY === true) this.talk.write(`\r${step.label}: ${result}\u001B[K\n`);
    else this.talk.write(`${result}\n`);
  }

  private breakStep(): void {
    if (this.open === undefined || this.open.broken) return;
    this.open.broken = true;
    if (!this.quiet) this.talk.write('\n');
  }

  private paint(code: number, text: string): string {
    return this.color ? `\u001B[${code}m${text}\u001B[0m` : text;
  }
}
