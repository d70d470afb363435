import type { IncomingMessage } from 'node:http';
import type { Clock } from '@vcap/clock';
import { destinationSchema } from '../wire/messages.ts';
import type { Destination } from '../wire/messages.ts';
import { bodyPieces } from './body-pieces.ts';

const LARGEST_JSON_BYTES = 4096;

/** What a path below `/tunnels` asks for. */
export type TunnelPath =
  { kind: 'all' } | { kind: 'one' | 'socket'; id: string } | { kind: 'in' | 'out'; id: string; seq: number };

/** Undefined for a path that is none of ours. */
export function parsePath(url: string | undefined): TunnelPath | undefined {
  const path = (url ?? '').split('?', 1)[0] ?? '';
  if (/^\/tunnels\/?$/.test(path)) return { kind: 'all' };
  const match = /^\/tunnels\/([\w-]{1,64})(?:\/(in|out|socket)(?:\/(\d{1,15}))?)?$/.exec(path);
  if (match === null) return undefined;
  const [, id = '', part, seq] = match;
  if (part === undefined) return { kind: 'one', id };
  if (part === 'socket') return seq === undefined ? { kind: 'socket', id } : undefined;
  return seq === undefined ? undefined : { kind: part as 'in' | 'out', id, seq: Number(seq) };
}

/** The destination that a POST asks for, whatever its content type says; a text when it cannot be read. */
export async function readDestination(
  request: IncomingMessage,
  clock: Clock,
  signal: AbortSignal,
): Promise<Destination | string> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of bodyPieces(request, clock, 10_000, signal)) {
    length += piece.length;
    if (length > LARGEST_JSON_BYTES) return `the body has more than ${LARGEST_JSON_BYTES} bytes`;
    pieces.push(piece);
  }
  let value: unknown;
  try {
    value = JSON.parse(Buffer.concat(pieces).toString());
  } catch {
    return 'the body is not JSON';
  }
  const result = destinationSchema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  return `the body needs a host and a port: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`;
}

/** One header's text; undefined when absent or repeated. */
export function headerText(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
}
