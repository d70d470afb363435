import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { createHash } from 'node:crypto';
import { createBlobstore } from '@vcap/blobstore';
import type { Blobstore, BlobstoreConfig } from '@vcap/blobstore';
import { silentLogger } from '@vcap/component';
import { systemClock } from '@vcap/clock';
import { tempDir, waitFor } from '@vcap/testkit';
import yauzl from 'yauzl';
import { createBits } from '../../../src/bits/index.ts';
import type { BitsOptions } from '../../../src/bits/index.ts';
import { ApiError } from '../../../src/errors.ts';
import type { Bits } from '../../../src/ports.ts';
import { appRecord } from '../../instances/support/app-record.ts';

export const sha1 = (content: string | Buffer): string => createHash('sha1').update(content).digest('hex');

/** What the server answered: the table's code and text, or the sha1. */
export interface Answer {
  status: number;
  code?: number;
  sha1?: string;
  description?: string;
}

/** A file as a package has it. */
export interface Unpacked {
  mode: number;
  content: string;
}

export interface BitsServer {
  bits: Bits;
  /** What lies in the blobstore, seen past the bits. */
  blobs: Blobstore;
  root: string;
  port: number;
  /** Resolves with the next request's outcome, also when its client is gone. */
  nextOutcome(): Promise<Answer>;
  upload(o: Upload): Promise<Answer>;
  /** `running` is the sha1 of the droplet that the database has for the app. */
  droplet(content: Buffer | string, expected?: string, field?: string, running?: string): Promise<Answer>;
  /** The package of an app, by path. */
  unpack(app?: string): Promise<Record<string, Unpacked>>;
  /** Names of unfinished work, which should be none. */
  leftovers(): Promise<string[]>;
  /** Throws if any work in progress is left. */
  verifyClean(): Promise<void>;
  close(): Promise<void>;
}

export interface Upload {
  zip?: Buffer;
  resources?: unknown;
  app?: string;
  org?: string;
  /** The field of that name, and the package that the app has. */
  base?: unknown;
  packageHash?: string;
}

const pool = { minBytes: 0, maxBytes: 512 * 1024 * 1024 };
let elsewhere: (() => BlobstoreConfig) | undefined;

/** Fewer of them where each takes long. */
export const some = (many: number, few: number): number => (elsewhere ? few : many);

/** Waits until what is kept now is seen to be younger than what was: object stores know the second. */
export async function nextMoment(): Promise<void> {
  if (!elsewhere) return;
  const second = (): number => Math.ceil(systemClock.now() / 1000);
  const before = second();
  await waitFor(() => second() > before);
}

/** All servers of this test file keep their blobs there, each in an empty store, and not in a directory of their own. */
export function keepBlobsIn(store: () => BlobstoreConfig): void {
  elsewhere = store;
}

/** The real bits behind a real HTTP server: POST /upload/<org>/<app> and /droplet/<app>?sha1=. */
export async function startBitsServer(
  options: Partial<BitsOptions> & { root?: string } = {},
): Promise<BitsServer> {
  const folder = await tempDir('bits');
  const root = options.root ?? folder.path;
  const blobstore = options.blobstore ?? elsewhere?.() ?? { root };
  const tmpdir = options.tmpdir ?? join(root, 'uploads');
  const bits = createBits({ log: silentLogger, pool, ...options, tmpdir, blobstore });
  const waiting: ((answer: Answer) => void)[] = [];
  const handle = async (request: IncomingMessage): Promise<Answer> => {
    const url = new URL(request.url ?? '', 'http://here');
    const [, kind, first = '', second = ''] = url.pathname.split('/');
    try {
      const done =
        kind === 'upload'
          ? await bits.upload(
              appRecord({ guid: second, orgGuid: first, packageHash: url.searchParams.get('hash') }),
              request,
            )
          : await bits.storeDroplet(
              { guid: first, dropletHash: url.searchParams.get('running') },
              request,
              url.searchParams.get('sha1') ?? undefined,
            );
      return { status: 200, ...done };
    } catch (error) {
      if (!(error instanceof ApiError)) return { status: 500, description: String(error) };
      return { status: error.status, code: error.code, description: error.description };
    }
  };
  const server = createServer((request, response) => {
    void handle(request).then((answer) => {
      response.writeHead(answer.status).end(JSON.stringify(answer));
      waiting.shift()?.(answer);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const post = async (path: string, form: FormData): Promise<Answer> => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', body: form });
    return (await response.json()) as Answer;
  };
  const leftovers = async (): Promise<string[]> => {
    const names = await Promise.all([
      readdir(tmpdir),
      blobstore.root === undefined ? [] : readdir(join(blobstore.root, 'tmp')),
    ]);
    return names.flat();
  };
  return {
    bits,
    blobs: createBlobstore(blobstore),
    root,
    port,
    nextOutcome: () => new Promise((resolve) => waiting.push(resolve)),
    async upload({ zip, resources = [], app = 'app-1', org = 'org-1', base, packageHash }) {
      const form = new FormData();
      form.set('_method', 'put');
      form.set('resources', typeof resources === 'string' ? resources : JSON.stringify(resources));
      if (base !== undefined) form.set('base', JSON.stringify(base));
      if (zip) form.set('application', new Blob([new Uint8Array(zip)]), 'app.zip');
      return post(`/upload/${org}/${app}${packageHash === undefined ? '' : `?hash=${packageHash}`}`, form);
    },
    async droplet(content, expected, field = 'upload[droplet]', running) {
      const form = new FormData();
      form.set(field, new Blob([new Uint8Array(Buffer.from(content))]), 'droplet.tgz');
      const query = new URLSearchParams({
        ...(expected !== undefined && { sha1: expected }),
        ...(running !== undefined && { running }),
      });
      return post(`/droplet/app-1?${query.toString()}`, form);
    },
    async unpack(app = 'app-1') {
      const found = await bits.openPackage(app);
      if (!found) throw new Error('no package');
      return unpackZip(await buffer(found.body));
    },
    leftovers,
    async verifyClean() {
      const left = await leftovers();
      if (left.length > 0) throw new Error(`left behind: ${left.join(', ')}`);
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await folder.remove();
    },
  };
}

async function unpackZip(bytes: Buffer): Promise<Record<string, Unpacked>> {
  const zip = await yauzl.fromBufferPromise(bytes, { lazyEntries: true });
  const files: Record<string, Unpacked> = {};
  for await (const entry of zip.eachEntry()) {
    const content = entry.fileName.endsWith('/')
      ? Buffer.alloc(0)
      : await buffer(await zip.openReadStreamPromise(entry));
    files[entry.fileName] = { mode: entry.externalFileAttributes >>> 16, content: content.toString() };
  }
  return files;
}
