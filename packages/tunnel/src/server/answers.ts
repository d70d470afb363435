import type { ServerResponse } from 'node:http';
import { closeHeader, codeHeader } from '../wire/headers.ts';
import type { TunnelCode } from '../wire/headers.ts';
import type { StreamEnd } from '../stream/endpoint.ts';

/** No middlebox may keep, compress or sniff what goes through a tunnel. */
const always = { 'Cache-Control': 'no-store, no-transform', 'X-Content-Type-Options': 'nosniff' };

/** A text answer; with `code`, one that is no success. */
export function answerText(response: ServerResponse, status: number, text: string, code?: TunnelCode): void {
  if (response.headersSent || response.destroyed) return;
  response
    .writeHead(status, {
      ...always,
      'Content-Type': 'text/plain; charset=utf-8',
      'Content-Length': Buffer.byteLength(text),
      ...(code === undefined ? {} : { [codeHeader]: code }),
    })
    .end(text);
}

export function answerJson(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Record<string, string> = {},
): void {
  const text = JSON.stringify(value);
  response
    .writeHead(status, {
      ...always,
      ...headers,
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(text),
    })
    .end(text);
}

export function answerBytes(response: ServerResponse, chunks: Buffer[]): void {
  if (response.headersSent || response.destroyed) return;
  let length = 0;
  for (const chunk of chunks) length += chunk.length;
  response.writeHead(200, {
    ...always,
    'Content-Type': 'application/octet-stream',
    'Content-Length': length,
  });
  response.cork();
  for (const chunk of chunks) response.write(chunk);
  response.end();
  response.uncork();
}

/** 410, with how the destination's side ended. */
export function answerClosed(response: ServerResponse, end: StreamEnd): void {
  if (response.headersSent || response.destroyed) return;
  response.setHeader(closeHeader, end.clean ? 'clean' : 'broken');
  const text = end.clean ? 'destination socket closed' : `destination socket closed: ${end.reason}`;
  answerText(response, 410, text, 'destination-closed');
}

/** 410 for a tunnel that the server ended: its client must not take it for the destination's orderly end. */
export function answerEnded(response: ServerResponse, reason: string): void {
  if (response.headersSent || response.destroyed) return;
  response.setHeader(closeHeader, 'broken');
  answerText(response, 410, reason, 'tunnel-ended');
}
