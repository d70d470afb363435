import { request } from 'node:http';
import { z } from 'zod';
import type { Entry, Witness } from '../registry/entry.ts';

const mostAnswerBytes = 1024 * 1024;
const answerSchema = z.object({ held: z.array(z.int()) });

/**
 * Asks a DEA which of these of its instances still hold their ports; undefined when there is no answer that can be
 * used, from this DEA, within the time.
 */
export function askWitness(
  { dea, host, port }: Witness,
  entries: readonly Readonly<Entry>[],
  timeoutMs: number,
): Promise<ReadonlySet<number> | undefined> {
  const instances = Object.fromEntries(entries.map(({ facts }) => [facts.port, facts.privateInstanceId]));
  const body = JSON.stringify({ dea, instances });
  return new Promise((resolve) => {
    const nothing = (): void => resolve(undefined);
    const asking = request({
      host,
      port,
      method: 'POST',
      path: '/held',
      agent: false,
      headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) },
      signal: AbortSignal.timeout(timeoutMs),
    });
    asking.on('error', nothing);
    asking.on('response', (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > mostAnswerBytes) answer.destroy();
      });
      answer.on('error', nothing);
      answer.on('close', nothing);
      answer.on('end', () => resolve(answer.statusCode === 200 ? heldIn(text) : undefined));
    });
    asking.end(body);
  });
}

function heldIn(text: string): ReadonlySet<number> | undefined {
  try {
    return new Set(answerSchema.parse(JSON.parse(text)).held);
  } catch {
    return undefined;
  }
}
