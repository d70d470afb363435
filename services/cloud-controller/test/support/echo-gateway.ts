/**
 * A small service gateway, run as a process of its own: it keeps instances and bindings in memory and does what a
 * gateway's answers may be like at their worst, as `PUT /_mode` says.
 */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

interface Mode {
  /** The work is done at once, and answered when the next mode comes. */
  hold?: boolean;
  /** Answered to provision, bind, unbind or unprovision instead of doing it. */
  refuse?: { on: string; status: number; code: number; description: string };
  /** Does the work and answers something else. */
  garbage?: 'text' | 'no-credentials';
  /** Does the work and cuts the connection. */
  cut?: boolean;
}

const token = process.env['TOKEN'] ?? '';
const instances = new Map<string, Record<string, unknown>>();
const bindings = new Map<string, { instance: string; options: unknown }>();
const snapshots = new Map<string, Record<string, unknown>>();
const imported: unknown[] = [];
const jobs = new Map<
  string,
  { what: string; result: Record<string, unknown>; failed: boolean; looks: number }
>();
const seen: string[] = [];
const traces: string[] = [];
let mode: Mode = {};
const held: (() => void)[] = [];

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
const notFound = { code: 30300, description: 'not found' };

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = '', url = '' } = request;
  const raw = await text(request);
  const body = (raw === '' ? {} : JSON.parse(raw)) as Record<string, unknown>;
  if (url === '/_mode') {
    mode = body;
    for (const release of held.splice(0)) release();
    return send(response, 200, {});
  }
  if (url === '/_file') return void response.end('the data');
  if (url === '/_state') {
    const state = {
      instances: [...instances.keys()],
      bindings: [...bindings.keys()],
      seen,
      traces,
      imported,
    };
    return send(response, 200, state);
  }
  if (request.headers['x-vcap-service-token'] !== token)
    return send(response, 401, { code: 30100, description: 'Not authorized' });
  if (request.headers['content-type'] !== 'application/json')
    return send(response, 400, { code: 30000, description: 'Invalid Content-Type' });
  traces.push(String(request.headers['traceparent']).split('-')[1] ?? '');
  const [, id, rest = '', sub] =
    /^\/gateway\/v1\/configurations(?:\/([^/]+))?(\/[a-z]+(?:\/url|\/data)?(?:\/snapshots)?)?(?:\/([^/]+))?/.exec(
      url,
    ) ?? [];
  const what = kind(method, id, rest);
  seen.push(what);
  const { refuse } = mode;
  if (refuse?.on === what) return send(response, refuse.status, refuse);
  const answer = work(what, id ?? '', sub ?? '', body);
  if (mode.cut) return void request.socket.destroy();
  if (mode.hold) await new Promise<void>((resolve) => held.push(resolve));
  if (mode.garbage === 'text') return void response.end('<html>');
  if (mode.garbage === 'no-credentials' && answer?.['service_id'] !== undefined)
    return send(response, 200, { service_id: answer['service_id'] });
  if (answer === undefined) return send(response, 404, notFound);
  send(response, 200, answer);
}

function kind(method: string, id: string | undefined, rest: string): string {
  if (id === undefined) return 'provision';
  if (rest === '') return 'unprovision';
  if (rest === '/handles') return method === 'POST' ? 'bind' : 'unbind';
  return `${method} ${rest}`;
}

function work(
  what: string,
  id: string,
  sub: string,
  body: Record<string, unknown>,
): Record<string, unknown> | undefined {
  switch (what) {
    case 'provision': {
      const name = `d${randomUUID().replaceAll('-', '')}`;
      instances.set(name, body);
      const credentials = { name, host: '127.0.0.1', port: 3306, node_id: 'n0' };
      return {
        service_id: name,
        configuration: { plan: body['plan'], version: body['version'] },
        credentials,
      };
    }
    case 'unprovision':
      for (const [key, { instance }] of bindings) if (instance === id) bindings.delete(key);
      return instances.delete(id) ? {} : undefined;
    case 'bind': {
      if (!instances.has(id)) return undefined;
      const handleId = randomUUID();
      bindings.set(handleId, { instance: id, options: body['binding_options'] });
      const password = `secret-${handleId.slice(0, 4)}`;
      return {
        service_id: handleId,
        configuration: { data: { binding_options: body['binding_options'] } },
        credentials: {
          name: id,
          host: '127.0.0.1',
          port: 3306,
          password,
          uri: `mysql://u:${password}@127.0.0.1:3306/${id}`,
        },
      };
    }
    case 'unbind':
      return bindings.delete(String(body['handle_id'])) ? {} : undefined;
    case 'POST /snapshots': {
      const snapshot = {
        snapshot_id: String(snapshots.size + 1),
        date: '2013-01-01',
        size: 5,
        name: 'first',
      };
      snapshots.set(snapshot.snapshot_id, snapshot);
      return begin(what, snapshot);
    }
    case 'GET /snapshots':
      return sub === '' ? { snapshots: [...snapshots.values()] } : snapshots.get(sub);
    case 'PUT /snapshots':
      if (!snapshots.has(sub)) return undefined;
      return sub === '1'
        ? begin(what, { result: 'ok' })
        : begin(what, { code: 30803, description: 'no good' }, true);
    case 'DELETE /snapshots':
      return snapshots.delete(sub) ? begin(what, { result: 'ok' }) : undefined;
    case 'GET /serialized/url/snapshots':
      return { url: fileUrl() };
    case 'POST /serialized/url/snapshots':
      return begin(what, { url: fileUrl() });
    case 'PUT /serialized/url':
    case 'PUT /serialized/data': {
      imported.push(body);
      const snapshot = {
        snapshot_id: String(snapshots.size + 1),
        date: '2013-01-01',
        size: 5,
        name: 'imported',
      };
      snapshots.set(snapshot.snapshot_id, snapshot);
      return begin(what, snapshot);
    }
    case 'GET /jobs': {
      const found = jobs.get(sub);
      if (!found) return undefined;
      found.looks += 1;
      const common = { job_id: sub, start_time: '2013-01-01', description: found.what };
      if (found.looks === 1) return { ...common, status: 'working', progress: 50 };
      return { ...common, status: found.failed ? 'failed' : 'completed', result: found.result };
    }
    default:
      return undefined;
  }
}

function begin(what: string, result: Record<string, unknown>, failed = false): Record<string, unknown> {
  const id = `j${jobs.size + 1}`;
  jobs.set(id, { what, result, failed, looks: 0 });
  return { job_id: id, status: 'queued', start_time: '2013-01-01', description: what };
}

function fileUrl(): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/_file`;
}

const server = createServer((request, response) => {
  handle(request, response).catch(() => response.destroy());
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`listening on ${(server.address() as AddressInfo).port}\n`);
});
