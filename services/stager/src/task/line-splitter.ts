import { StringDecoder } from 'node:string_decoder';

const LONGEST_LINE = 8192;

/** Cuts a byte stream into lines of at most 8 KiB characters; UTF-8 may be split anywhere. */
export class LineSplitter {
  readonly #decoder = new StringDecoder('utf8');
  readonly #onLine: (line: string) => void;
  #rest = '';

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  /** Takes the next bytes. */
  push(chunk: Buffer): void {
    const lines = (this.#rest + this.#decoder.write(chunk)).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#onLine(line);
    while (this.#rest.length > LONGEST_LINE) {
      this.#onLine(this.#rest.slice(0, LONGEST_LINE));
      this.#rest = this.#rest.slice(LONGEST_LINE);
    }
  }

  /** Hands over a last line that had no end. */
  end(): void {
    const last = (this.#rest + this.#decoder.end()).replace(/\r$/, '');
    this.#rest = '';
    if (last !== '') this.#onLine(last);
  }
}
