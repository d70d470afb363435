import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import busboy from 'busboy';

/** What came with one upload. */
export interface Upload {
  readonly path: string;
  readonly field: string;
  readonly sha1: string;
  readonly claimedSha1: string | undefined;
}

/** The cloud controller's staging routes over real HTTP, with faults to order. */
export interface Controller {
  /** Basic credentials are in it. */
  readonly downloadUri: string;
  readonly uploadUri: string;
  readonly uploads: Upload[];
  /** Requests seen, as `METHOD path`. */
  readonly requests: string[];
  /** The `traceparent` of each request. */
  readonly traceparents: string[];
  /** Sends this zip from now on. */
  zip: string;
  /** Statuses for the next requests in place of the real answer; 0 cuts the connection midway. */
  faults: number[];
  /** While set, downloads are never answered. */
  silent: boolean;
  stop(): Promise<void>;
}

const AUTHORIZATION = `Basic ${Buffer.from('stager:s e/cret').toString('base64')}`;

export const startController = async (dir: string): Promise<Controller> => {
  const uploads: Upload[] = [];
  const requests: string[] = [];
  const traceparents: string[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    requests.push(`${request.method} ${request.url}`);
    traceparents.push(String(request.headers['traceparent']));
    if (controller.silent) return;
    const fault = controller.faults.shift();
    if (fault === 0) {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('half');
      response.flushHeaders();
      setImmediate(() => response.destroy());
    } else if (fault !== undefined) {
      request.resume();
      response.writeHead(fault).end();
    } else if (request.method === 'GET') {
      if (request.headers.authorization !== AUTHORIZATION) response.writeHead(401).end();
      else await pipeline(createReadStream(controller.zip), response);
    } else {
      uploads.push(await receive(request, join(dir, `upload-${uploads.length}.tgz`)));
      response.writeHead(200).end('{}');
    }
  };
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const controller: Controller = {
    downloadUri: `http://stager:s%20e%2Fcret@127.0.0.1:${port}/staging/apps/guid`,
    uploadUri: `http://127.0.0.1:${port}/staging/droplets/guid/upload?token=once`,
    uploads,
    requests,
    traceparents,
    zip: '',
    faults: [],
    silent: false,
    stop: async () => {
      server.close();
      server.closeAllConnections();
      if (server.listening) await once(server, 'close');
    },
  };
  return controller;
};

const receive = async (request: IncomingMessage, path: string): Promise<Upload> => {
  const form = busboy({ headers: request.headers });
  let field = '';
  let written: Promise<void> | undefined;
  const hash = createHash('sha1');
  form.on('file', (name, stream) => {
    field = name;
    stream.on('data', (chunk: Buffer) => hash.update(chunk));
    written = pipeline(stream, createWriteStream(path));
  });
  await pipeline(request, form);
  await written;
  const claimed = request.headers['x-droplet-sha1'];
  return {
    path,
    field,
    sha1: hash.digest('hex'),
    claimedSha1: Array.isArray(claimed) ? claimed[0] : claimed,
  };
};
