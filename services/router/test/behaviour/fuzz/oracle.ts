import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';

/** A message as a parser read it. */
export interface Message {
  readonly method: string;
  readonly url: string;
  readonly version: string;
  readonly body: string;
  readonly headers: readonly (readonly [string, string])[];
}

/** What a parser made of bytes: the messages it read whole, and whether it found fault. */
export interface Reading {
  readonly messages: Message[];
  readonly fault: boolean;
}

/** Reads bytes as `node:http`'s server does, without a connection. */
export function nodeReads(bytes: Buffer): Promise<Reading> {
  return new Promise((resolve) => {
    const messages: Message[] = [];
    let fault = false;
    const server = createServer({ requireHostHeader: false, maxHeaderSize: 1024 * 1024 });
    server.maxHeadersCount = 0;
    server.on('clientError', (_error, socket) => {
      fault = true;
      socket.destroy();
    });
    const take = (request: IncomingMessage): void => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => messages.push(messageOf(request, Buffer.concat(chunks))));
    };
    server.on('request', (request, response) => {
      take(request);
      request.on('end', () => response.end());
    });
    server.on('checkContinue', (request, response) => server.emit('request', request, response));
    server.on('checkExpectation', (request, response) => server.emit('request', request, response));
    const tunnelled = (request: IncomingMessage, socket: Duplex): void => {
      messages.push(messageOf(request, Buffer.alloc(0)));
      socket.destroy();
    };
    server.on('upgrade', tunnelled);
    server.on('connect', tunnelled);
    const stream = new Duplex({
      read: () => undefined,
      write: (_chunk, _encoding, done) => done(),
    });
    const end = (): void => resolve({ messages, fault });
    stream.on('error', () => undefined);
    stream.on('close', () => setImmediate(end));
    server.emit('connection', stream);
    stream.push(bytes);
    stream.push(null);
    setImmediate(() => setImmediate(() => setImmediate(() => stream.destroy())));
  });
}

function messageOf(request: IncomingMessage, body: Buffer): Message {
  const headers: [string, string][] = [];
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2)
    headers.push([request.rawHeaders[i] ?? '', request.rawHeaders[i + 1] ?? '']);
  return {
    method: request.method ?? '',
    url: request.url ?? '',
    version: request.httpVersion,
    body: body.toString('latin1'),
    headers,
  };
}
