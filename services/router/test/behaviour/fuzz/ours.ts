import { names } from '../../../src/plane/http/names.ts';
import { newIdLines } from '../../../src/plane/ids.ts';
import { ConnectionLines, forwardText } from '../../../src/plane/client/forward-text.ts';
import { targetOf } from '../../../src/plane/client/target.ts';
import type { Target } from '../../../src/plane/client/target.ts';
import { BodyReader } from '../../../src/plane/http/body.ts';
import { parseRequest, RequestHead } from '../../../src/plane/http/request-head.ts';
import type { Message, Reading } from './oracle.ts';

/** Our reading, with what would be sent to a backend for each message. */
export interface OurReading extends Reading {
  readonly forwarded: { readonly bytes: Buffer; readonly path: string }[];
  /** Where the last whole message ended. */
  readonly consumed: number;
}

const head = new RequestHead();

/** Reads bytes as a visitor's connection does; `raw` bodies keep their framing. */
export function weRead(bytes: Buffer): OurReading {
  const messages: Message[] = [];
  const forwarded: OurReading['forwarded'] = [];
  let at = 0;
  const reading = (fault: boolean): OurReading => ({ messages, forwarded, fault, consumed: at });
  while (at < bytes.length) {
    const after = parseRequest(head, bytes, at, bytes.length);
    if (after < 0) return reading(true);
    if (after === 0) return reading(false);
    const target = targetOf(head.method, head.target, head.value(names.host));
    if (!('key' in target)) return reading(true);
    const parts: Buffer[] = [Buffer.from(`${textOf(target)}\r\n`, 'latin1')];
    const message = {
      method: head.method,
      url: head.target,
      version: `1.${head.minor}`,
      headers: headersOf(),
    };
    const { chunked, length, persistent } = head;
    const data = readBody(bytes, after, chunked, length, false);
    const raw = readBody(bytes, after, chunked, length, true);
    if (data === undefined || raw === undefined) return reading(true);
    if (!data.done) return reading(false);
    messages.push({ ...message, body: data.bytes.toString('latin1') });
    forwarded.push({ bytes: Buffer.concat([...parts, raw.bytes]), path: target.path });
    at = data.end;
    if (!persistent) break;
  }
  return reading(false);
}

function textOf(target: Target): string {
  return forwardText(
    head,
    target,
    {
      method: head.method,
      idLines: newIdLines(),
      clientAddress: '127.0.0.1',
      scheme: 'http',
      startedAt: 0,
      upgrade: undefined,
    },
    new ConnectionLines(),
  );
}

function headersOf(): [string, string][] {
  return head.text
    .split('\r\n')
    .slice(1, -2)
    .map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')];
    });
}

function readBody(
  bytes: Buffer,
  start: number,
  chunked: boolean,
  length: number,
  raw: boolean,
): { bytes: Buffer; end: number; done: boolean } | undefined {
  const body = new BodyReader();
  const parts: Buffer[] = [];
  body.begin(chunked ? 'chunked' : length > 0 ? 'length' : 'none', length, raw);
  if (body.done) return { bytes: Buffer.alloc(0), end: start, done: true };
  const end = body.read(bytes, start, bytes.length, {
    onBody: (buffer, from, to) => parts.push(Buffer.from(buffer.subarray(from, to))),
    onTrailers: (text) => parts.push(Buffer.from(text, 'latin1')),
  });
  return end < 0 ? undefined : { bytes: Buffer.concat(parts), end, done: body.done };
}
