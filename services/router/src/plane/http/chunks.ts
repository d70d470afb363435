import { CR, isHex, isToken, isValue, LF } from './bytes.ts';
import { readFields } from './fields.ts';
import { Head } from './head.ts';
import { names } from './names.ts';

/** Takes what a scanner lets pass. */
export interface ChunkSink {
  /** A part of the read: framing and data in `raw` mode, data alone otherwise. */
  onBody(buffer: Buffer, start: number, end: number): void;
  /** Trailers that may pass, with the empty line that ends the body; only in `raw` mode and when there are any. */
  onTrailers(text: string): void;
}

const size = 0;
const sizeEnd = 1;
const extension = 2;
const data = 3;
const dataEnd = 4;
const dataEndLf = 5;
const trailerStart = 6;
const lastLf = 7;
const trailers = 8;

type ExtensionPart =
  'name start' | 'name' | 'value start' | 'value' | 'quoted' | 'quoted pair' | 'after quoted';

/** Where an extension may end. */
const extensionEnds: ReadonlySet<ExtensionPart> = new Set(['name', 'value', 'after quoted']);

const mostSizeDigits = 12;
const mostExtensionBytes = 16 * 1024;
const mostTrailerBytes = 16 * 1024;

/**
 * Follows a chunked body as it streams by, and says what of it may pass. Sizes, line ends and trailers are checked to
 * the byte; chunk extensions are taken out, since peers disagree about where they end.
 */
export class ChunkScanner {
  /** Whether framing passes too; else the body is unpacked. */
  raw = true;
  done = false;
  /** Bytes of data so far, framing not counted. */
  bytes = 0;
  #state = size;
  #left = 0;
  #digits = 0;
  #extensionBytes = 0;
  #part: ExtensionPart = 'name start';
  #trailerText = '';

  /** Starts a new body. */
  reset(raw: boolean): void {
    this.raw = raw;
    this.done = false;
    this.bytes = 0;
    this.#state = size;
    this.#left = 0;
    this.#digits = 0;
    this.#extensionBytes = 0;
    this.#trailerText = '';
  }

  /** Reads on from `start`. Returns the place after what belongs to the body, or -1 when it is malformed. */
  scan(buffer: Buffer, start: number, end: number, sink: ChunkSink): number {
    let at = start;
    let runStart = start;
    const pass = (to: number): void => {
      if (this.raw && to > runStart) sink.onBody(buffer, runStart, to);
    };
    while (at < end && !this.done) {
      const byte = buffer[at] as number;
      switch (this.#state) {
        case size:
          if (isHex(byte)) {
            if (this.#digits === mostSizeDigits) return -1;
            this.#digits += 1;
            this.#left = this.#left * 16 + hexValue(byte);
          } else if (this.#digits === 0) return -1;
          else if (byte === CR) this.#state = sizeEnd;
          else if (byte === 59) {
            pass(at);
            this.#state = extension;
            this.#part = 'name start';
          } else return -1;
          at += 1;
          break;
        case extension:
          if (byte === CR && extensionEnds.has(this.#part)) {
            runStart = at;
            this.#state = sizeEnd;
          } else if ((this.#extensionBytes += 1) > mostExtensionBytes || !this.#extend(byte)) return -1;
          else runStart = at + 1;
          at += 1;
          break;
        case sizeEnd:
          if (byte !== LF) return -1;
          at += 1;
          this.#digits = 0;
          this.#state = this.#left === 0 ? trailerStart : data;
          break;
        case data: {
          const part = Math.min(this.#left, end - at);
          if (!this.raw) sink.onBody(buffer, at, at + part);
          this.bytes += part;
          this.#left -= part;
          at += part;
          if (this.#left === 0) this.#state = dataEnd;
          break;
        }
        case dataEnd:
          if (byte !== CR) return -1;
          at += 1;
          this.#state = dataEndLf;
          break;
        case dataEndLf:
          if (byte !== LF) return -1;
          at += 1;
          this.#state = size;
          break;
        case trailerStart:
          if (byte === CR) {
            at += 1;
            this.#state = lastLf;
          } else {
            pass(at);
            this.#state = trailers;
          }
          break;
        case lastLf:
          if (byte !== LF) return -1;
          at += 1;
          this.done = true;
          break;
        default:
          this.#trailerText += String.fromCharCode(byte);
          at += 1;
          runStart = at;
          if (this.#trailerText.length > mostTrailerBytes) return -1;
          if (byte !== LF || !this.#trailerText.endsWith('\r\n\r\n')) break;
          this.done = true;
          if (!this.#endTrailers(sink)) return -1;
      }
    }
    if (this.#state !== extension) pass(at);
    return at;
  }

  /** Follows `;name`, `;name=token` and `;name="quoted"`; false: it is none of them. */
  #extend(byte: number): boolean {
    const part = this.#part;
    if (part === 'quoted') {
      if (byte === 34) this.#part = 'after quoted';
      else if (byte === 92) this.#part = 'quoted pair';
      return isValue(byte) && byte < 127;
    }
    if (part === 'quoted pair') {
      this.#part = 'quoted';
      return isValue(byte) && byte < 127;
    }
    if (part !== 'after quoted' && isToken(byte)) {
      if (part === 'name start') this.#part = 'name';
      else if (part === 'value start') this.#part = 'value';
      return true;
    }
    if (byte === 61 && part === 'name') this.#part = 'value start';
    else if (byte === 34 && part === 'value start') this.#part = 'quoted';
    else if (byte === 59 && extensionEnds.has(part)) this.#part = 'name start';
    else return false;
    return true;
  }

  #endTrailers(sink: ChunkSink): boolean {
    const buffer = Buffer.from(this.#trailerText, 'latin1');
    trailerHead.clear(0);
    if (readFields(trailerHead, buffer, 0, buffer.length, trailerRule) !== buffer.length) return false;
    trailerHead.text = this.#trailerText;
    if (this.raw) sink.onTrailers(`${trailerHead.kept()}\r\n`);
    return true;
  }
}

const trailerHead = new Head();

/** A trailer that routes or vouches would say so after the fact: it does not pass. One that frames is an attack. */
function trailerRule(_head: Head, id: number): 'keep' | 'drop' | 'refuse' {
  if (id === names['content-length'] || id === names['transfer-encoding']) return 'refuse';
  return id === names.referer || id === names['user-agent'] ? 'keep' : 'drop';
}

function hexValue(byte: number): number {
  return byte < 58 ? byte - 48 : (byte | 0x20) - 87;
}
