import { closeHeader } from '../wire/headers.ts';
import type { Answer } from './caller.ts';
import { judge } from './judge.ts';
import type { Link } from './link.ts';
import { payloadBytes } from './link.ts';

/** Longer than any server or router lets a GET wait, in ms. */
const POLL_MS = 40_000;
/** While the local program does not read, the server hears this often that the tunnel is still wanted. */
const TOUCH_MS = 20_000;
/** Without half-close, answers may still come for this long after the local program ended its side. */
const QUIET_MS = 1000;

/** Carries bytes by numbered GETs and PUTs (caldecott.md §1.1) until both sides are done. @throws TunnelError */
export async function carryOverHttp(link: Link): Promise<void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([link.signal, stop.signal]);
  const failed = (error: unknown): void => {
    stop.abort();
    throw error;
  };
  // Once the local program is gone nobody needs what may still come.
  const gone = link.endpoint.until(() => link.endpoint.closed, signal);
  const reading = new AbortController();
  const state = { lastByteAt: link.clock.monotonic(), readDone: false };
  const reader = readAll(link, AbortSignal.any([signal, reading.signal]), state).catch(failed);
  const writer = writeAll(link, signal, state).catch(failed);
  void gone.then(() => reading.abort());
  const quiet = writer.then(async () => {
    if (!link.halfClose) await untilQuiet(link, signal, state);
    if (!link.halfClose || link.endpoint.ended?.clean === false) reading.abort();
  });
  try {
    await Promise.all([reader, writer, quiet]);
  } finally {
    stop.abort();
  }
}

interface State {
  lastByteAt: number;
  /** The destination's side ended and all of it was delivered. */
  readDone: boolean;
}

async function readAll(link: Link, signal: AbortSignal, state: State): Promise<void> {
  const { endpoint, cookies, info, clock } = link;
  const persistence = link.persistence();
  const accept = ({ status }: Answer): boolean => status === 200 || status === 410;
  for (let seq = info.seq_out + 1; ; seq += 1) {
    const path = `${info.path_out}/${seq}`;
    const answer = await persistence.call(
      { method: 'GET', path, cookies, poll: true, timeoutMs: POLL_MS },
      accept,
      signal,
    );
    if (answer === undefined) return;
    if (answer.status === 410) {
      if (answer.headers[closeHeader] === 'broken') throw judge(link.caller.origin, answer);
      state.readDone = true;
      endpoint.finish();
      return;
    }
    if (answer.body.length > 0) state.lastByteAt = clock.monotonic();
    endpoint.write(answer.body);
    if (!endpoint.writable) await untilWritable(link, signal);
  }
}

/** Waits for the local program to read, and keeps the tunnel from being swept meanwhile. */
async function untilWritable(
  { endpoint, caller, info, cookies, clock }: Link,
  signal: AbortSignal,
): Promise<void> {
  const touch = clock.setInterval(() => {
    void caller.call({ method: 'GET', path: info.path, cookies, signal }).catch(() => undefined);
  }, TOUCH_MS);
  try {
    await endpoint.drained(signal);
  } finally {
    touch.cancel();
  }
}

async function writeAll(link: Link, signal: AbortSignal, state: State): Promise<void> {
  const { endpoint, cookies, info, halfClose } = link;
  const { incoming } = endpoint;
  const persistence = link.persistence();
  const accept = ({ status }: Answer): boolean =>
    [200, 201, 202, 204, 410].includes(status) || (state.readDone && status === 404);
  for (let seq = info.seq_in + 1; ; seq += 1) {
    await endpoint.until(() => incoming.length > 0 || endpoint.ended !== undefined, signal);
    if (signal.aborted) return;
    const bytes = incoming.read(incoming.start, payloadBytes);
    const end = incoming.start + bytes.reduce((sum, { length }) => sum + length, 0);
    // The end goes out with the last bytes, and only once: a repeat of this PUT must be the same.
    const fin = halfClose && endpoint.ended?.clean === true && end === incoming.end;
    if (bytes.length === 0 && !fin) return;
    const path = `${info.path_in}/${seq}`;
    const answer = await persistence.call(
      { method: 'PUT', path, bytes, fin, cookies, timeoutMs: POLL_MS },
      accept,
      signal,
    );
    if (answer === undefined) return;
    // Nobody takes it any more; how the destination's side ended is the reader's to tell.
    if (answer.status === 410 || answer.status === 404) return;
    endpoint.release(end);
    if (fin) return;
  }
}

/** A server without half-close cuts what it still has when the tunnel is removed: leaves it time to say it. */
async function untilQuiet({ clock, endpoint }: Link, signal: AbortSignal, state: State): Promise<void> {
  for (;;) {
    const left = state.lastByteAt + QUIET_MS - clock.monotonic();
    if (left <= 0 || state.readDone || endpoint.closed || signal.aborted) return;
    await clock.sleep(left, signal);
  }
}

/** Removes the tunnel at its server, which ends the destination's connection; failure is left to the sweep there. */
export async function removeTunnel({ caller, info, cookies, clock }: Link): Promise<void> {
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      const { status } = await caller.call({ method: 'DELETE', path: info.path, cookies, timeoutMs: 5000 });
      if (status < 500) return;
    } catch {
      // tried again
    }
    await clock.sleep(200);
  }
}
