import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { systemClock } from '@vcap/clock';
import { z } from 'zod';
import { CaldecottClient, LocalListener } from '../src/index.ts';
import type { TunnelError } from '../src/index.ts';
import { bytesOf } from './support/scripted-mysql.ts';
import { close, listen } from './support/servers.ts';

const answerSchema = z.strictObject({
  status: z.int().optional(),
  cut: z.boolean().optional(),
  bytes: z.string().optional(),
  text: z.string().optional(),
  /** Given once the server has taken these bytes. */
  after: z.string().optional(),
});
type RecordedAnswer = z.infer<typeof answerSchema>;
const recordings = z
  .array(
    z.object({
      name: z.string(),
      out: z.array(answerSchema),
      outSequence: z.array(z.int()),
      in: z.array(answerSchema),
      inSequence: z.array(z.int()),
      delete: z.int(),
    }),
  )
  .parse(JSON.parse(readFileSync(new URL('recordings/original-server.json', import.meta.url), 'utf8')));

/** Answers as the original server did, in the recorded order. */
class RecordedServer {
  readonly outSequence: number[] = [];
  readonly inSequence: number[] = [];
  readonly puts = new Map<number, string[]>();
  readonly tokens = new Set<string>();
  readonly types = new Set<string>();
  /** What POST asked for. */
  readonly wanted: unknown[] = [];
  deleted = 0;
  readonly #recording: (typeof recordings)[number];
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  readonly #sockets = new Set<Socket>();
  readonly #taken = new Set<string>();
  readonly #waiting: (() => void)[] = [];

  constructor(recording: (typeof recordings)[number]) {
    this.#recording = recording;
    this.#server.on('connection', (socket) => this.#sockets.add(socket));
  }

  start = (): Promise<number> => listen(this.#server, 0);
  stop = (): Promise<void> => close(this.#server, this.#sockets);

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const body = Buffer.concat(pieces);
    this.tokens.add(String(request.headers['auth-token']));
    const [, path, direction, seq] =
      /^(\/[^/]+(?:\/7c1f)?)(?:\/(in|out)\/(\d+))?$/.exec(request.url ?? '') ?? [];
    if (path === '/info') return this.#send(response, { status: 200, text: '{"version":"0.0.4"}' });
    if (request.method === 'POST') {
      this.wanted.push(JSON.parse(body.toString()));
      const info = { path: '/tunnels/7c1f', path_in: '/tunnels/7c1f/in', path_out: '/tunnels/7c1f/out' };
      const rest = { dst_host: '10.0.0.5', dst_port: 3306, dst_connected: true, seq_out: 0, seq_in: 0 };
      return this.#send(response, { status: 201, text: JSON.stringify({ ...info, ...rest }) });
    }
    if (request.method === 'DELETE') {
      this.deleted += 1;
      return this.#send(response, { status: this.#recording.delete, text: 'tunnel 7c1f does not exist' });
    }
    if (direction === 'out') {
      const answer = this.#recording.out[this.outSequence.length];
      this.outSequence.push(Number(seq));
      return this.#whenTaken(answer?.after, () => this.#send(response, answer));
    }
    this.types.add(String(request.headers['content-type']));
    const answer = this.#recording.in[this.inSequence.length];
    this.inSequence.push(Number(seq));
    this.puts.set(Number(seq), [...(this.puts.get(Number(seq)) ?? []), body.toString('hex')]);
    this.#send(response, answer);
    this.#take(body);
  }

  #take(body: Buffer): void {
    for (const name of ['login', 'query', 'quit']) if (body.equals(bytesOf(name))) this.#taken.add(name);
    for (const look of this.#waiting.splice(0)) look();
  }

  #whenTaken(name: string | undefined, act: () => void): void {
    if (name === undefined || this.#taken.has(name)) act();
    else this.#waiting.push(() => this.#whenTaken(name, act));
  }

  #send(response: ServerResponse, answer: RecordedAnswer | undefined): void {
    if (answer === undefined || answer.cut) return void response.destroy();
    const body = answer.bytes === undefined ? Buffer.from(answer.text ?? '') : bytesOf(answer.bytes);
    response.writeHead(answer.status ?? 500, {
      'Content-Type': 'text/html;charset=utf-8',
      'Content-Length': body.length,
      Connection: 'keep-alive',
      Server: 'thin 1.3.1',
    });
    response.end(body);
  }
}

/** A MySQL client that does what was recorded; gives back whether all answers were as recorded. */
function login(port: number): Promise<{ heard: string; error: string | undefined }> {
  const says: [after: string, then: string][] = [
    ['greeting', 'login'],
    ['ok', 'query'],
    ['result', 'quit'],
  ];
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    let heard = Buffer.alloc(0);
    let expected = 0;
    let at = 0;
    let error: string | undefined;
    socket.on('error', (cause: NodeJS.ErrnoException) => (error = cause.code));
    socket.on('close', () => resolve({ heard: heard.toString('hex'), error }));
    socket.on('data', (piece) => {
      heard = Buffer.concat([heard, piece]);
      const [after, then] = says[at] ?? [];
      if (after === undefined || then === undefined || heard.length < expected + bytesOf(after).length)
        return;
      expected += bytesOf(after).length;
      at += 1;
      socket.write(bytesOf(then));
    });
  });
}

describe('our client gets along with the original server', () => {
  test.each(recordings)('$name', async (recording) => {
    const server = new RecordedServer(recording);
    const failures: TunnelError[] = [];
    const url = `http://127.0.0.1:${await server.start()}`;
    const client = new CaldecottClient({ url, token: '6b0e', clock: systemClock });
    expect(await client.transport()).toBe('http');
    const listener = new LocalListener({
      client,
      destination: { host: '10.0.0.5', port: 3306 },
      onFailure: (error) => failures.push(error),
    });
    const seen = await login(await listener.start(0));
    await listener.stop();
    client.close();
    await server.stop();
    expect(failures).toEqual([]);
    const all = ['greeting', 'ok', 'result'].map((name) => bytesOf(name).toString('hex')).join('');
    expect(seen).toEqual({ heard: all, error: undefined });
    expect(server.outSequence).toEqual(recording.outSequence);
    expect(server.inSequence).toEqual(recording.inSequence);
    const sent = ['login', 'query', 'quit'].map((name) => bytesOf(name).toString('hex'));
    for (const [seq, bodies] of server.puts) expect(new Set(bodies)).toEqual(new Set([sent[seq - 1]]));
    expect([...server.tokens]).toEqual(['6b0e']);
    expect([...server.types]).toEqual(['application/octet-stream']);
    expect(server.wanted).toEqual([{ host: '10.0.0.5', port: 3306 }]);
    expect(server.deleted).toBe(1);
  });
});
