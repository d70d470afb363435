import type { Logger } from '@vcap/bus';
import { chmod, chown, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseReport } from './report.ts';
import type { WorkerReport } from './report.ts';

/** What the locator service needs. */
export interface LocatorOptions {
  readonly path: string;
  readonly log: Logger;
  /** The account that may ask; undefined: our own. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
  /** What is known of a host; undefined: nothing. Resolves when later news of it will reach whoever asked. */
  readonly lookup: (host: string) => Promise<string | undefined>;
  readonly reported: (report: WorkerReport) => void;
}

const mostReportBytes = 4 * 1024 * 1024;

/** The upstream locator service: tells nginx's workers whose a host is, and takes their figures, on a unix socket. */
export class Locator {
  readonly #options: LocatorOptions;
  readonly #server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    this.#answer(request, response).catch((error: unknown) => {
      this.#options.log.error({ event: 'lookup-failed', err: error });
      if (!response.headersSent) response.writeHead(500, { 'Content-Length': 0 });
      response.end();
    });
  });

  constructor(options: LocatorOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { path, owner } = this.#options;
    await rm(path, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(path, resolve);
    });
    await chmod(path, 0o600);
    if (owner !== undefined) await chown(path, owner.uid, owner.gid);
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { lookup, reported } = this.#options;
    const { url = '', method } = request;
    if (method === 'GET' && url.startsWith('/routes/')) {
      const record = await lookup(decoded(url.slice('/routes/'.length)));
      response.writeHead(record === undefined ? 404 : 200, {
        'Content-Length': Buffer.byteLength(record ?? ''),
      });
      response.end(record);
      return;
    }
    const report = method === 'POST' && url === '/report' ? parseReport(await bodyOf(request)) : undefined;
    if (report !== undefined) reported(report);
    response.writeHead(report === undefined ? 400 : 204, { 'Content-Length': 0 }).end();
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > mostReportBytes) return '';
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
