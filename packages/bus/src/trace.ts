import { randomBytes } from 'node:crypto';

/** A place in a distributed trace (W3C Trace Context): 32 and 16 lower-case hex digits. */
export interface Trace {
  traceId: string;
  spanId: string;
}

/** Opens a trace. */
export function newTrace(): Trace {
  return { traceId: randomBytes(16).toString('hex'), spanId: randomBytes(8).toString('hex') };
}

/** The next span of the same trace. */
export function childTrace(trace: Trace): Trace {
  return { traceId: trace.traceId, spanId: randomBytes(8).toString('hex') };
}

/** The header value `traceparent`, sampled. */
export function toTraceparent(trace: Trace): string {
  return `00-${trace.traceId}-${trace.spanId}-01`;
}

const pattern = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}/;

/** Reads a `traceparent`; undefined when there is none or it is malformed. */
export function fromTraceparent(header: string | undefined): Trace | undefined {
  const match = header === undefined ? undefined : pattern.exec(header);
  const traceId = match?.[1];
  const spanId = match?.[2];
  if (traceId === undefined || spanId === undefined || /^0+$/.test(traceId)) return undefined;
  return { traceId, spanId };
}
