import { expect, test } from '@jest/globals';
import { METHODS } from 'node:http';
import { ChunkScanner } from '../../../src/plane/http/chunks.ts';
import { parseRequest, RequestHead } from '../../../src/plane/http/request-head.ts';
import { parseResponse, ResponseHead } from '../../../src/plane/http/response-head.ts';
import { bodies } from '../cases/bodies.ts';
import { hostile } from '../cases/hostile.ts';
import { replies } from '../cases/replies.ts';
import { requests } from '../cases/requests.ts';
import { mutate } from './mutate.ts';
import { nodeReads } from './oracle.ts';
import { weRead } from './ours.ts';
import { Random } from './random.ts';

/** `FUZZ_ROUNDS` and `FUZZ_SEED` make it longer and different. */
const rounds = Number(process.env['FUZZ_ROUNDS'] ?? 4000);
const seed = Number(process.env['FUZZ_SEED'] ?? 20_120_411);

const corpus = [...requests, ...bodies, ...hostile]
  .map(({ send }) => send.map(String).join('').replaceAll('{id}', '7'))
  .filter((text) => text.length < 2000);

const differing = (text: string) => `seed ${seed}: ${JSON.stringify(text)}`;

test('what is accepted is read by node:http in the same way, and so is what a backend would get', async () => {
  const random = new Random(seed);
  let accepted = 0;
  for (let round = 0; round < rounds; round += 1) {
    const text = round < corpus.length ? corpus[round]! : mutate(random.of(corpus), corpus, random);
    const bytes = Buffer.from(text, 'latin1');
    const ours = weRead(bytes);
    if (ours.messages.length === 0) continue;
    // Methods that node does not know, and tunnels, end its reading early.
    if (ours.messages.some(({ method }) => !METHODS.includes(method) || method === 'CONNECT')) continue;
    if (ours.messages.some(({ headers }) => headers.some(([name]) => name.toLowerCase() === 'upgrade')))
      continue;
    accepted += 1;
    // What follows Connection: close is nobody's.
    const theirs = await nodeReads(bytes.subarray(0, ours.consumed));
    expect([differing(text), theirs]).toEqual([differing(text), { messages: ours.messages, fault: false }]);
    for (const [i, { bytes: sent, path }] of ours.forwarded.entries()) {
      const backend = await nodeReads(sent);
      expect([differing(text), backend.fault, backend.messages.length]).toEqual([differing(text), false, 1]);
      const { method, body } = ours.messages[i]!;
      expect([differing(text), backend.messages[0]]).toEqual([
        differing(text),
        expect.objectContaining({ method, url: path, body }),
      ]);
    }
  }
  expect(accepted).toBeGreaterThan(rounds / 20);
}, 120_000);

test('a head means the same however it is cut into pieces', () => {
  const random = new Random(seed + 1);
  const head = new RequestHead();
  const answer = new ResponseHead();
  const wrong: string[] = [];
  const answers = replies.map(({ pieces }) => pieces.join('')).filter((text) => text.length < 2000);
  for (let round = 0; round < rounds; round += 1) {
    const isAnswer = round % 3 === 0;
    const from = isAnswer ? answers : corpus;
    const bytes = Buffer.from(mutate(random.of(from), from, random), 'latin1');
    const parse = (end: number): number =>
      isAnswer ? parseResponse(answer, bytes, 0, end) : parseRequest(head, bytes, 0, end);
    const whole = parse(bytes.length);
    const known = whole > 0 ? whole : bytes.length;
    for (let tries = 0; tries < 8; tries += 1) {
      const end = random.below(known);
      const part = parse(end);
      // A part is never taken for the whole; a fault may show early, but only where there is one.
      if (part !== 0 && part !== whole) wrong.push(`${differing(bytes.toString('latin1'))} up to ${end}`);
    }
  }
  expect(wrong).toEqual([]);
});

test('a chunked body means the same however it is cut into pieces', () => {
  const random = new Random(seed + 2);
  const sound = bodies
    .map(({ send }) => send.map(String).join(''))
    .filter((text) => /chunked/i.test(text) && text.length < 3000)
    .map((text) => text.slice(text.indexOf('\r\n\r\n') + 4));
  const scan = (bytes: Buffer, cuts: number[], raw: boolean): [string, boolean, number] => {
    const scanner = new ChunkScanner();
    scanner.reset(raw);
    let out = '';
    const sink = {
      onBody: (buffer: Buffer, start: number, end: number) => (out += buffer.toString('latin1', start, end)),
      onTrailers: (text: string) => (out += text),
    };
    let at = 0;
    for (const cut of [...cuts, bytes.length]) {
      if (scanner.done || cut <= at) continue;
      const after = scanner.scan(bytes, at, cut, sink);
      if (after < 0) return [raw ? '' : '', false, -1];
      at = after;
    }
    return [out, scanner.done, at];
  };
  for (let round = 0; round < rounds; round += 1) {
    const bytes = Buffer.from(mutate(random.of(sound), sound, random), 'latin1');
    const raw = random.below(2) === 0;
    const cuts = Array.from({ length: 5 }, () => random.below(bytes.length + 1)).sort((a, b) => a - b);
    const whole = scan(bytes, [], raw);
    expect([differing(bytes.toString('latin1')), scan(bytes, cuts, raw)]).toEqual([expect.anything(), whole]);
    const every = Array.from({ length: bytes.length }, (_each, i) => i + 1);
    expect([differing(bytes.toString('latin1')), scan(bytes, every, raw)]).toEqual([
      expect.anything(),
      whole,
    ]);
    // What passes is itself a sound body of the same data.
    if (raw && whole[1]) {
      const again = scan(Buffer.from(whole[0], 'latin1'), [], false);
      expect([again[0], again[1]]).toEqual([scan(bytes, [], false)[0], true]);
    }
  }
});

test('bytes without any sense do no harm', () => {
  const random = new Random(seed + 3);
  for (let round = 0; round < rounds; round += 1) {
    const bytes = Buffer.from(Array.from({ length: random.below(200) }, () => random.below(256)));
    expect(() => weRead(bytes)).not.toThrow();
    expect(() => parseResponse(new ResponseHead(), bytes, 0, bytes.length)).not.toThrow();
  }
});
