import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import express from 'express';
import type { NextFunction, Request, Response } from 'express';
import { fromTraceparent } from '@vcap/bus';
import type { Logger } from '@vcap/bus';
import { openInside } from '@vcap/warden';
import type { OpenEntry } from '@vcap/warden';
import { logRoutes } from '../logs/log-routes.ts';
import type { FoundLog } from '../logs/log-routes.ts';
import { heldRoute } from './held-route.ts';
import type { HeldParts } from './held-route.ts';
import { listDirectory } from './listing.ts';
import { parseRange } from './range.ts';

/** Settings of the file server. */
export interface FileServerOptions extends HeldParts {
  log: Logger;
  /** Address it listens on and tells. */
  host: string;
  /** 0: a free one. */
  port: number;
  /** Taken instead of any free one, when it can be had: routers ask there. */
  lastPort?: number | undefined;
  /** Directory of an instance that users may look into; undefined for an unknown one. */
  rootOf(instanceId: string): string | undefined;
  /** Log stream of an instance, also for a while after it is gone. */
  logOf(instanceId: string): FoundLog | undefined;
}

const HIDDEN = new Set(['startup', 'stop', 'staging_info.yml']);

/**
 * Serves instances' files (`/instances/<id>/<path>`, ranges, listings) and log streams (`/logs/<id>`) to the cloud
 * controller, behind basic auth; and without it the answer to routers, who holds a port.
 */
export class FileServer {
  readonly name = 'file-server';
  /** Random at each start. */
  readonly credentials: [string, string] = [randomBytes(16).toString('hex'), randomBytes(16).toString('hex')];
  private readonly options: FileServerOptions;
  private server: Server | undefined;
  private boundPort = 0;

  constructor(options: FileServerOptions) {
    this.options = options;
  }

  get port(): number {
    return this.boundPort;
  }

  /** Prefix of every address, as `dea.find.droplet` tells it. */
  get uri(): string {
    return `http://${this.options.host}:${this.boundPort}/instances`;
  }

  /** The same for log streams. */
  get logUri(): string {
    return `http://${this.options.host}:${this.boundPort}/logs`;
  }

  async start(): Promise<void> {
    const app = express().disable('x-powered-by').disable('etag');
    app.use(heldRoute(this.options));
    app.use((request, response, next) => this.authorize(request, response, next));
    app.get('/instances/:id{/*path}', (request, response) => this.serve(request, response));
    app.use(logRoutes((id) => this.options.logOf(id)));
    app.use((_request, response) => void response.status(404).type('text').send('Entity not found.\n'));
    // Express tells an error handler by its four parameters.
    app.use((_error: unknown, _request: Request, response: Response, _next: NextFunction) => {
      if (response.headersSent) response.destroy();
      else response.status(400).type('text').send('Bad request.\n');
    });
    const { host, port, lastPort } = this.options;
    const listen = (where: number): Promise<Server> =>
      new Promise((resolve, reject) => {
        const server = app.listen(where, host, (error) => (error ? reject(error) : resolve(server)));
      });
    const again = port === 0 && lastPort !== undefined;
    this.server = again ? await listen(lastPort).catch(() => listen(0)) : await listen(port);
    this.boundPort = (this.server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const { server } = this;
    if (server === undefined || !server.listening) return;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }

  private authorize(request: Request, response: Response, next: NextFunction): void {
    const expected = `Basic ${Buffer.from(this.credentials.join(':')).toString('base64')}`;
    if (timingSafeEqual(digest(request.headers.authorization ?? ''), digest(expected))) return next();
    response.status(401).set('WWW-Authenticate', 'Basic realm="dea"').type('text').send('Not authorized.\n');
  }

  private async serve(request: Request, response: Response): Promise<void> {
    const { id, path } = request.params as { id: string; path?: string[] };
    const relative = (path ?? [])
      .join('/')
      .split('/')
      .filter((part) => part !== '' && part !== '.')
      .join('/');
    const root = this.options.rootOf(id);
    const entry =
      root === undefined
        ? 'not found'
        : HIDDEN.has(relative)
          ? 'forbidden'
          : await openInside(root, relative);
    if (entry === 'forbidden') return void response.status(403).type('text').send('Forbidden.\n');
    if (entry === 'not found') return void response.status(404).type('text').send('Entity not found.\n');
    try {
      if (entry.stat.isDirectory())
        response.type('text').send(await listDirectory(entry.fdPath, relative === ''));
      else await sendFile(request, response, entry);
    } catch (error) {
      const trace = fromTraceparent(request.get('traceparent'));
      this.options.log.debug({
        event: 'file-send-failed',
        instance: id,
        ...(trace ? { trace_id: trace.traceId } : {}),
        error: (error as Error).message,
      });
      response.destroy();
    } finally {
      await entry.handle.close().catch(() => undefined);
    }
  }
}

async function sendFile(request: Request, response: Response, { handle, stat }: OpenEntry): Promise<void> {
  const range = parseRange(request.headers.range, stat.size);
  response.set('Accept-Ranges', 'bytes').type('text/plain');
  if (range === 'unsatisfiable') {
    response.status(416).set('Content-Range', `bytes */${stat.size}`).end();
    return;
  }
  const { start, end } = range === 'all' ? { start: 0, end: stat.size - 1 } : range;
  if (range !== 'all') response.status(206).set('Content-Range', `bytes ${start}-${end}/${stat.size}`);
  response.set('Content-Length', String(end - start + 1));
  if (end < start || request.method === 'HEAD') {
    response.end();
    return;
  }
  await pipeline(handle.createReadStream({ start, end, autoClose: false }), response);
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
