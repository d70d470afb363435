import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createReadStream, createWriteStream } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { tempDir } from '@vcap/testkit';
import type { TempDir } from '@vcap/testkit';
import { openArchive, serialize } from '../src/jobs/archive.ts';
import { checkUrl, fetchFile } from '../src/jobs/fetch-file.ts';

let dir: TempDir;
beforeEach(async () => {
  dir = await tempDir('vcap-files');
});
afterEach(async () => {
  await dir.remove();
});

describe('serialized files', () => {
  const write = async (content: Readable): Promise<string> => {
    const path = join(dir.path, 'file.zip');
    await rm(path, { force: true });
    const { zip } = serialize(content, {
      name: '7.sql.gz',
      date: new Date(),
      manifest: { version: 1, plan: 'free' },
    });
    await pipeline(zip, createWriteStream(path));
    return path;
  };

  it('give back what was put in', async () => {
    const archive = await openArchive(
      await write(Readable.from([Buffer.from('some '), Buffer.from('data')])),
    );
    expect(archive.manifest).toMatchObject({ version: 1, plan: 'free' });
    expect(archive.size).toBe(9);
    expect(await text(await archive.content())).toBe('some data');
    archive.close();
  });

  it('fail when their source fails', async () => {
    const broken = Readable.from(
      (async function* () {
        yield Buffer.from('x');
        throw new Error('the dump broke');
      })(),
    );
    await expect(write(broken)).rejects.toThrow('the dump broke');
  });

  it('show a changed content, and what is none of them', async () => {
    const path = await write(Readable.from([Buffer.from('some data')]));
    const bytes = await readFile(path);
    const at = bytes.indexOf('some data');
    bytes.write('SOME', at);
    await writeFile(path, bytes);
    const archive = await openArchive(path);
    await expect(archive.content().then(text)).rejects.toMatchObject({ code: 30806 });
    archive.close();
    await writeFile(path, 'no zip');
    await expect(openArchive(path)).rejects.toMatchObject({ code: 30806 });
    await pipeline(createReadStream(join(import.meta.dirname, 'files.test.ts')), createWriteStream(path));
    await expect(openArchive(path)).rejects.toMatchObject({ code: 30806 });
  });
});

describe('fetching files', () => {
  const limits = { max_bytes: 100, max_redirects: 2, timeout_ms: 2000 };
  const server = createServer((request, response) => {
    const { port } = server.address() as AddressInfo;
    if (request.url === '/file') response.end('content');
    else if (request.url === '/long') response.end('x'.repeat(101));
    else if (request.url === '/once') response.writeHead(302, { Location: '/file' }).end();
    else if (request.url === '/loop') response.writeHead(302, { Location: '/loop' }).end();
    else if (request.url === '/away')
      response.writeHead(302, { Location: `http://localhost:${port}/file` }).end();
    else response.writeHead(404).end();
  });
  beforeEach(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
  afterEach(() => {
    server.closeAllConnections();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });

  const fetch = async (path: string): Promise<string> => {
    const file = join(dir.path, 'fetched');
    await rm(file, { force: true });
    const { port } = server.address() as AddressInfo;
    const options = { signal: AbortSignal.timeout(5000), onBytes: () => undefined };
    const allowed_hosts = [`127.0.0.1:${port}`];
    await fetchFile(`http://127.0.0.1:${port}${path}`, file, { ...limits, allowed_hosts }, options);
    return readFile(file, 'utf8');
  };

  it('follows redirects, so many and to allowed hosts alone', async () => {
    expect(await fetch('/file')).toBe('content');
    expect(await fetch('/once')).toBe('content');
    await expect(fetch('/loop')).rejects.toMatchObject({ code: 30805 });
    await expect(fetch('/away')).rejects.toMatchObject({ code: 30001 });
    await expect(fetch('/none')).rejects.toMatchObject({ code: 30803 });
  });

  it('takes no more than allowed', async () => {
    await expect(fetch('/long')).rejects.toMatchObject({ code: 30804, status: 400 });
  });

  it('knows hosts by name and port', () => {
    const hosts = ['files.example.org', 'other.example.org:8080'];
    expect(checkUrl('https://FILES.example.org/x', hosts).hostname).toBe('files.example.org');
    expect(checkUrl('http://other.example.org:8080/x', hosts).port).toBe('8080');
    for (const url of [
      'http://other.example.org/x',
      'http://files.example.org.evil.org/x',
      'http://files.example.org@evil.org/x',
      'ftp://files.example.org/x',
      'http://user@files.example.org/x',
      'http://127.0.0.1/x',
      'nothing',
    ]) {
      expect(() => checkUrl(url, hosts)).toThrow(/not be imported|must be http/);
    }
  });
});
