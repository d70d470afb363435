import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { waitFor } from '@vcap/testkit';
import { z } from 'zod';
import { bytesOf, startScriptedMysql } from './support/scripted-mysql.ts';
import { startCaldecott, token } from './support/servers.ts';
import type { RunningCaldecott, Started } from './support/servers.ts';

const stepSchema = z.strictObject({
  begin: z.string().optional(),
  request: z.string().optional(),
  text: z.string().optional(),
  retry: z.boolean().optional(),
  comment: z.string().optional(),
  end: z.string().optional(),
  status: z.int().optional(),
  bytes: z.string().optional(),
  starts: z.string().optional(),
  says: z.string().optional(),
  info: z.record(z.string(), z.unknown()).optional(),
  differs: z.string().optional(),
});
const recordings = z
  .array(
    z.object({ name: z.string(), headers: z.record(z.string(), z.string()), steps: z.array(stepSchema) }),
  )
  .parse(JSON.parse(readFileSync(new URL('recordings/original-clients.json', import.meta.url), 'utf8')));

interface RawAnswer {
  status: number;
  body: Buffer;
}

/** One request as bytes on a connection of its own. */
function ask(port: number, head: string[], body: Buffer): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    const pieces: Buffer[] = [];
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('closed without an answer')));
    socket.on('data', (piece) => {
      pieces.push(piece);
      const all = Buffer.concat(pieces);
      const cut = all.indexOf('\r\n\r\n');
      if (cut < 0) return;
      const text = all.subarray(0, cut).toString();
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1]);
      const got = all.subarray(cut + 4);
      if (got.length < length) return;
      resolve({ status: Number(text.split(' ')[1]), body: got });
      socket.destroy();
    });
    socket.write(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]));
  });
}

describe('what the original clients sent is answered as they expect', () => {
  let mysql: Started;
  let caldecott: RunningCaldecott;

  beforeEach(async () => {
    mysql = await startScriptedMysql();
    caldecott = await startCaldecott({ allowed: [{ host: '127.0.0.1', port: mysql.port }] });
  });
  afterEach(async () => {
    await caldecott.stop();
    await mysql.stop();
  });

  test.each(recordings)('$name', async ({ headers, steps }) => {
    const running = new Map<string, Promise<RawAnswer>>();
    let id = '';
    const fill = (text: string): string =>
      text.replaceAll('{id}', id).replaceAll('{host}', '127.0.0.1').replaceAll('{port}', String(mysql.port));
    const send = (step: z.infer<typeof stepSchema>): Promise<RawAnswer> => {
      const body = step.bytes === undefined ? Buffer.from(fill(step.text ?? '')) : bytesOf(step.bytes);
      const all = { Host: 'caldecott-1a2b.example.com', 'Auth-Token': token, ...headers };
      const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
      const sized = step.request?.startsWith('P') ? [`Content-Length: ${body.length}`] : [];
      return ask(caldecott.port, [`${fill(step.request ?? '')} HTTP/1.1`, ...lines, ...sized], body);
    };
    for (const step of steps) {
      if (step.begin !== undefined) {
        // What a client looks at may be on its way yet.
        if (step.retry) await waitFor(() => caldecott.tunnels.registry.buffered > 0);
        running.set(step.begin, send(step));
        continue;
      }
      const answer = await (running.get(step.end ?? '') as Promise<RawAnswer>);
      expect([step.end, answer.status]).toEqual([step.end, step.status]);
      if (step.bytes !== undefined)
        expect(answer.body.toString('hex')).toBe(bytesOf(step.bytes).toString('hex'));
      if (step.starts !== undefined)
        expect(answer.body.subarray(0, bytesOf(step.starts).length).equals(bytesOf(step.starts))).toBe(true);
      if (step.says !== undefined) expect(answer.body.toString()).toBe(fill(step.says));
      if (step.end === 'open' && answer.status === 201) {
        const info = JSON.parse(answer.body.toString()) as { path: string };
        id = info.path.replace('/tunnels/', '');
        expect(info).toMatchObject({ path_in: `/tunnels/${id}/in`, path_out: `/tunnels/${id}/out` });
      }
      if (step.info !== undefined) expect(JSON.parse(answer.body.toString())).toMatchObject(step.info);
    }
  });
});
