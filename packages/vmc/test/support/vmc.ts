import { PassThrough, Readable } from 'node:stream';
import { runVmc } from '../../src/run.ts';
import type { Clock } from '../../src/clock.ts';
import type { Host } from '../../src/context.ts';

/** Outcome of one command line. */
export interface Outcome {
  status: number;
  out: string;
  err: string;
}

/** Time that passes only by sleeping, at once, after the pending input and output had their turn. */
export function testClock(): Clock & { slept: number[] } {
  let now = Date.now();
  const slept: number[] = [];
  return {
    slept,
    now: () => now,
    sleep: async (ms) => {
      slept.push(ms);
      now += ms;
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

/** Runs vmc in this process with a home folder of its own. */
export async function vmc(
  words: string[],
  o: {
    home: string;
    cwd?: string;
    env?: Record<string, string>;
    input?: string;
    clock?: Clock;
    signal?: AbortSignal;
    onOut?: (all: string) => void;
    run?: Host['run'];
  },
): Promise<Outcome> {
  const result = { out: '', err: '' };
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  stdout.on('data', (chunk: Buffer) => {
    result.out += chunk.toString();
    o.onOut?.(result.out);
  });
  stderr.on('data', (chunk: Buffer) => (result.err += chunk.toString()));
  const host: Host = {
    env: { HOME: o.home, ...o.env },
    cwd: o.cwd ?? o.home,
    stdin: Readable.from(o.input === undefined ? [] : [o.input]),
    stdout,
    stderr,
    clock: o.clock ?? testClock(),
    ...(o.signal === undefined ? {} : { signal: o.signal }),
    ...(o.run === undefined ? {} : { run: o.run }),
  };
  const status = await runVmc(words, host);
  await new Promise((resolve) => setImmediate(resolve));
  return { status, ...result };
}
