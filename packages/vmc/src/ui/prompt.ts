import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { VmcError } from '../errors.ts';
import type { Out } from './ui.ts';

/** Input of questions; a terminal can be switched to raw mode. */
export type In = Readable & { isTTY?: boolean; setRawMode?(raw: boolean): unknown };

/** Asks the user; with `enabled` false every question takes its default or fails, never waits. */
export class Prompt {
  private readonly input: In;
  private readonly out: Out;
  private readonly enabled: boolean;
  private lines: AsyncIterator<string> | undefined;
  private close: (() => void) | undefined;

  constructor(o: { input: In; out: Out; enabled: boolean }) {
    this.input = o.input;
    this.out = o.out;
    this.enabled = o.enabled;
  }

  /** One line; an empty answer, or the end of the input, takes the default. */
  async ask(question: string, fallback?: string): Promise<string> {
    if (!this.enabled) return need(question, fallback);
    for (;;) {
      this.out.write(fallback === undefined ? `${question}: ` : `${question} [${fallback}]: `);
      const line = await this.nextLine();
      if (line === undefined) {
        this.out.write('\n');
        return need(question, fallback);
      }
      if (line.trim() !== '') return line.trim();
      if (fallback !== undefined) return fallback;
    }
  }

  /** Yes or no. */
  async confirm(question: string, fallback: boolean): Promise<boolean> {
    if (!this.enabled) return fallback;
    const answer = await this.ask(`${question} [${fallback ? 'Yn' : 'yN'}]`, fallback ? 'y' : 'n');
    return /^y(es)?$/i.test(answer);
  }

  /** A line that is not shown while it is typed. Lines that are piped in are read as they are. */
  async secret(question: string): Promise<string> {
    if (!this.enabled)
      throw new VmcError(`${question} is needed`, { hint: 'Set VMC_PASSWORD in the environment.' });
    this.out.write(`${question}: `);
    const line = this.input.isTTY === true ? await this.hidden() : await this.nextLine();
    this.out.write('\n');
    if (line === undefined || line === '') throw new VmcError(`${question} is needed`);
    return line;
  }

  /** Lets go of the input, so that the process can end. */
  stop(): void {
    this.close?.();
    this.close = undefined;
    this.lines = undefined;
  }

  private async nextLine(): Promise<string | undefined> {
    if (this.lines === undefined) {
      const reader = createInterface({ input: this.input, terminal: false });
      this.lines = reader[Symbol.asyncIterator]();
      this.close = () => reader.close();
    }
    const next = await this.lines.next();
    return next.done === true ? undefined : next.value;
  }

  private hidden(): Promise<string | undefined> {
    this.stop();
    const { input } = this;
    input.setRawMode?.(true);
    input.resume();
    return new Promise((resolve, reject) => {
      let typed = '';
      const finish = (settle: () => void) => {
        input.off('data', onData);
        input.setRawMode?.(false);
        input.pause();
        settle();
      };
      const onData = (chunk: Buffer | string) => {
        for (const char of chunk.toString()) {
          if (char === '\r' || char === '\n') return finish(() => resolve(typed));
          if (char === '\u0003') return finish(() => reject(new VmcError('Interrupted', { exitCode: 130 })));
          if (char === '\u0004') return finish(() => resolve(typed === '' ? undefined : typed));
          if (char === '\u007F' || char === '\b') typed = Array.from(typed).slice(0, -1).join('');
          else if (char >= ' ') typed += char;
        }
      };
      input.on('data', onData);
    });
  }
}

function need(question: string, fallback: string | undefined): string {
  if (fallback !== undefined) return fallback;
  throw new VmcError(`${question} is needed, and no question can be asked`, {
    hint: 'Give it on the command line; see `vmc help`.',
  });
}
