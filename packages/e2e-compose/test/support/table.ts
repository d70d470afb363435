import type { Tally } from './load.ts';

/** Prints what became of the requests of each step, as a table. */
export function printTallies(title: string, rows: readonly (readonly [string, Tally])[]): void {
  const width = Math.max(...rows.map(([name]) => name.length), 8);
  const line = (name: string, requests: unknown, failed: unknown, slowest: unknown): string =>
    `  ${name.padEnd(width)}  ${String(requests).padStart(8)}  ${String(failed).padStart(6)}  ${String(slowest).padStart(10)}`;
  const lines = rows.map(
    ([name, tally]) =>
      `${line(name, tally.requests, tally.failed, tally.slowest)}${tally.reasons.length > 0 ? `  ${tally.reasons[0]}` : ''}`,
  );
  const head = line('', 'requests', 'failed', 'slowest ms');
  process.stderr.write(`\n${title}\n${head}\n${lines.join('\n')}\n\n`);
}

/** One figure, among what the tests print. */
export const say = (text: string): void => void process.stderr.write(`  ${text}\n`);
