import { Router } from 'express';
import type { Request, Response } from 'express';
import { z } from 'zod';
import type { InstanceLog } from './instance-log.ts';

/** A log that somebody asked for. */
export interface FoundLog {
  index: number;
  log: InstanceLog;
}

const MOST_BYTES = 1024 * 1024;
const number = z.coerce.number().int().min(0);
const query = z.object({
  /** Number of the last line that the reader has. */
  after: number.max(Number.MAX_SAFE_INTEGER).optional(),
  /** Without `after`: how many of the last lines. */
  recent: number.max(100_000).default(100),
  max: number.min(1).max(10_000).default(1000),
  /** Seconds to wait for something new. */
  wait: z.coerce.number().min(0).max(30).default(0),
});

/** `GET /logs/<instance>`: the contract is in docs/decisions/0005-log-stream.md. */
export function logRoutes(find: (instanceId: string) => FoundLog | undefined): Router {
  const router = Router();
  router.get('/logs/:id', (request, response) => serve(find, request, response));
  return router;
}

async function serve(
  find: (instanceId: string) => FoundLog | undefined,
  request: Request<{ id: string }>,
  response: Response,
): Promise<void> {
  const { id } = request.params;
  const asked = query.safeParse(request.query);
  if (!asked.success) {
    const [issue] = asked.error.issues;
    response
      .status(400)
      .type('text')
      .send(`${issue?.path.join('.')}: ${issue?.message}\n`);
    return;
  }
  const found = find(id);
  if (found === undefined) response.status(404).type('text').send('Entity not found.\n');
  else await answer(asked.data, { id, ...found }, request, response);
}

async function answer(
  asked: z.infer<typeof query>,
  { id, index, log }: FoundLog & { id: string },
  request: Request,
  response: Response,
): Promise<void> {
  const wanted = asked.after ?? Math.max(0, log.lastSeq - asked.recent);
  // Numbers begin again when the DEA lost its disk: the reader gets what there is.
  const after = wanted > log.lastSeq ? 0 : wanted;
  if (asked.wait > 0) {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    await log.waitFor(after, asked.wait * 1000, gone.signal);
    if (gone.signal.aborted || request.destroyed) return;
  }
  const page = await log.read(after, asked.max, MOST_BYTES);
  const lines: string[] = [];
  let last = after;
  for (const { seq, time, source, text, dropped } of page.records) {
    if (seq > last + 1 && (asked.after !== undefined || last > after)) {
      const missing = seq - last - 1;
      const gap = { source: 'dea', text: `${missing} lines are no longer kept`, dropped: missing };
      lines.push(JSON.stringify({ seq: seq - 1, time, instance: id, index, ...gap }));
    }
    lines.push(
      JSON.stringify({ seq, time, instance: id, index, source, text, ...(dropped ? { dropped } : {}) }),
    );
    last = seq;
  }
  const ended = log.ended && last >= log.lastSeq;
  response
    .set({ 'X-Log-Next': String(last), 'X-Log-Ended': String(ended) })
    .type('application/x-ndjson')
    .send(lines.map((line) => `${line}\n`).join(''));
}
