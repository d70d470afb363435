import { createHash } from 'node:crypto';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { fromTraceparent, newTrace } from '@vcap/bus';
import { systemClock } from '@vcap/clock';
import { silentLogger } from '@vcap/component';
import { tempDir } from '@vcap/testkit';
import type { TempDir } from '@vcap/testkit';
import { DropletCache } from '../../src/droplets/droplet-cache.ts';

const content = 'a droplet';
const sha1 = createHash('sha1').update(content).digest('hex');
let dir: TempDir;
const trace = newTrace();
let requests: string[];
let traceparents: string[];
let answers: { status: number; body: string }[];
let close: () => void;
let uri: string;
let cache: DropletCache;

beforeEach(async () => {
  dir = await tempDir('dea-cache');
  requests = [];
  traceparents = [];
  answers = [];
  const server = createServer((request, response) => {
    requests.push(request.headers.authorization ?? '');
    traceparents.push(String(request.headers['traceparent']));
    const { status, body } = answers.shift() ?? { status: 200, body: content };
    response.writeHead(status).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  uri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/droplet`;
  close = () => server.close().closeAllConnections();
  cache = await newCache(1024);
});
afterEach(async () => {
  close();
  await dir.remove();
});

async function newCache(maxBytes: number): Promise<DropletCache> {
  const made = new DropletCache({
    clock: systemClock,
    log: silentLogger,
    dir: join(dir.path, 'droplets'),
    tmpDir: join(dir.path, 'tmp'),
    maxBytes,
    retryDelayMs: 1,
  });
  await made.start();
  return made;
}
async function use(from = uri): Promise<string> {
  let text = '';
  await cache.withDroplet({ sha1, uri: from, trace }, async (path) => {
    text = await readFile(path, 'utf8');
  });
  return text;
}

describe('the droplet cache', () => {
  test('downloads a droplet once for all who want it', async () => {
    expect(await Promise.all([use(), use(), use()])).toEqual([content, content, content]);
    expect(await use()).toBe(content);
    expect(requests).toHaveLength(1);
  });

  test('tries three times and passes the login of the URL on', async () => {
    answers = [
      { status: 500, body: '' },
      { status: 200, body: 'torn' },
    ];
    expect(await use(uri.replace('://', '://u:p%40@'))).toBe(content);
    expect(traceparents.map((text) => fromTraceparent(text)?.traceId)).toEqual(Array(3).fill(trace.traceId));
    expect(requests).toEqual(Array(3).fill(`Basic ${Buffer.from('u:p@').toString('base64')}`));
  });

  test('rejects a droplet whose digest is wrong and leaves nothing behind', async () => {
    answers = Array.from({ length: 3 }, () => ({ status: 200, body: 'other' }));
    await expect(use()).rejects.toThrow(`expected ${sha1}`);
    expect(requests).toHaveLength(3);
    expect([
      ...(await readdir(join(dir.path, 'droplets'))),
      ...(await readdir(join(dir.path, 'tmp'))),
    ]).toEqual([]);
  });

  test('hashes a cached droplet again and replaces a damaged one', async () => {
    await use();
    await writeFile(join(dir.path, 'droplets', `${sha1}.tgz`), 'damaged');
    expect(await use()).toBe(content);
    expect(requests).toHaveLength(2);
  });

  test('keeps its budget from the start on, and what fits', async () => {
    await use();
    await newCache(content.length);
    expect(await readdir(join(dir.path, 'droplets'))).toEqual([`${sha1}.tgz`]);
    await newCache(1);
    expect(await readdir(join(dir.path, 'droplets'))).toEqual([]);
  });

  test('keeps what is in use and drops it afterwards when over its budget', async () => {
    cache = await newCache(1);
    expect(await use()).toBe(content);
    expect(await readdir(join(dir.path, 'droplets'))).toEqual([]);
  });
});
