import { connect } from 'node:net';
import type { Socket } from 'node:net';

/** What came back. */
export interface Answer {
  readonly status: number;
  /** X-Cf-RouterError, where there is one. */
  readonly error: string | undefined;
  readonly text: string;
}

/**
 * One kept connection of a visitor, one request at a time, for next to no CPU: the visitors of a test must not be what
 * limits it. Answers need a Content-Length.
 */
export class VisitorConnection {
  /** Not to be used again. */
  closed = false;
  readonly #socket: Socket;
  #held = '';
  #done: ((answer: Answer) => void) | undefined;
  #failed: ((error: Error) => void) | undefined;

  constructor(port: number, timeoutMs: number) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.setEncoding('latin1');
    this.#socket.setTimeout(timeoutMs, () => this.#end(new Error('nothing came in time')));
    this.#socket.on('data', (text: string) => this.#read(text));
    this.#socket.on('error', (error) => this.#end(error));
    this.#socket.on('close', () => this.#end(new Error('the connection was closed')));
  }

  /** Rejects when the connection breaks before the whole answer is there. */
  ask(request: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#done = resolve;
      this.#failed = reject;
      this.#socket.write(request, 'latin1');
    });
  }

  close(): void {
    this.closed = true;
    this.#socket.destroy();
  }

  #read(text: string): void {
    const all = this.#held + text;
    const end = all.indexOf('\r\n\r\n');
    if (end < 0) {
      this.#held = all;
      return;
    }
    const head = all.slice(0, end + 2);
    const length = /\r\ncontent-length: *(\d+)\r\n/i.exec(head)?.[1];
    if (length === undefined) return this.#end(new Error(`an answer without a length: ${head}`));
    if (all.length < end + 4 + Number(length)) {
      this.#held = all;
      return;
    }
    const done = this.#done;
    this.#held = '';
    this.#done = this.#failed = undefined;
    if (/\r\nconnection: *close\r\n/i.test(head)) this.close();
    done?.({
      status: Number(head.slice(9, 12)),
      error: /\r\nx-cf-routererror: *([^\r]*)/i.exec(head)?.[1],
      text: all.slice(end + 4, end + 4 + Number(length)),
    });
  }

  #end(error: Error): void {
    const failed = this.#failed;
    this.#done = this.#failed = undefined;
    this.close();
    failed?.(error);
  }
}
