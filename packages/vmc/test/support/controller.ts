import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** One recorded call. */
export interface Recorded {
  call: string;
  headers: IncomingMessage['headers'];
  body: Buffer;
}

interface App {
  [key: string]: unknown;
  name: string;
  state: string;
  instances: number;
  services: string[];
}

/** A small v1 controller over real HTTP: it keeps applications in memory and records every call. */
export class TestController {
  readonly calls: Recorded[] = [];
  readonly apps = new Map<string, App>();
  readonly pooled = new Set<string>();
  /** File texts by path, of every instance. */
  readonly files: Record<string, string> = {};
  /** How far applications are kept apart, if the target tells. */
  isolation: string | undefined;
  /** Started applications crash instead of running. */
  crash = false;
  /** What the present package of every application is made of. */
  packageFiles: { package: string; resources: unknown[] } | undefined;
  /** The next upload is refused. */
  refuseUpload = false;
  /** Answers of the merged log, one after the other; then it keeps readers waiting. Undefined: it has none. */
  logPages: { lines: unknown[]; cursor: string }[] | undefined;
  stagingLog: { text: string; complete: boolean; task?: string } | undefined;
  /** Holds PUTs that start an application until the promise settles; may answer an error. */
  staging: () => Promise<{ code: number; description: string } | undefined> = async () => undefined;
  onStagingLog: () => void = () => undefined;
  url = '';
  /** Answers of `GET /services`. */
  services: { name: string; vendor: string }[] = [];
  /** Takes calls that are for other hosts than the API, as a router would; undefined lets one pass. */
  elsewhere: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
  /** Answers a call before the controller does; undefined lets it pass. */
  extra: ((call: string, body: string) => unknown) | undefined;
  readonly server = createServer((request, response) => {
    if (this.elsewhere?.(request, response) !== true) void this.handle(request, response);
  });

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.url = `http://api.vcap.localhost:${(this.server.address() as AddressInfo).port}`;
    return this;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  get lines(): string[] {
    return this.calls.map((entry) => entry.call);
  }

  json(call: string): unknown {
    const found = this.calls.find((entry) => entry.call === call);
    return found === undefined ? undefined : JSON.parse(found.body.toString());
  }

  add(name: string, members: Record<string, unknown> = {}): void {
    this.apps.set(name, {
      name,
      staging: { model: 'node', stack: 'node' },
      uris: [`${name}.vcap.localhost`],
      instances: 1,
      resources: { memory: 128, disk: 2048, fds: 256 },
      state: 'STARTED',
      services: [],
      env: [],
      meta: { version: 1 },
      ...members,
    });
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    const { method = '', url = '', headers } = request;
    this.calls.push({ call: `${method} ${url}`, headers, body });
    const answer = (value: unknown, status = 200) => {
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
    };
    const fail = (status: number, code: number, description: string) => answer({ code, description }, status);
    const input = (): Record<string, unknown> => JSON.parse(body.toString()) as Record<string, unknown>;
    const path = decodeURIComponent(url.replace(/\?.*/, ''));

    if (path === '/info') return answer({ ...info(headers.authorization), isolation: this.isolation });
    const token = /^\/users\/(.+)\/tokens$/.exec(path);
    if (token !== null)
      return input()['password'] === 'sesame'
        ? answer({ token: `token-of-${token[1]}` })
        : fail(403, 200, 'Operation not permitted');
    if (path === '/users' && method === 'POST') return void response.writeHead(204).end();
    if (path === '/info/services' || path === '/info/runtimes') return answer({});
    if (headers.authorization === undefined) return fail(403, 200, 'Operation not permitted');
    const more = this.extra?.(`${method} ${path}`, body.toString());
    if (more !== undefined) return answer(more);
    if (path === '/services') return answer(this.services);
    if (path === '/resources')
      return answer(
        (JSON.parse(body.toString()) as { sha1: string }[]).filter((entry) => this.pooled.has(entry.sha1)),
      );
    if (path === '/apps' && method === 'GET')
      return answer([...this.apps.values()].map((app) => this.show(app)));
    if (path === '/apps') {
      const wanted = input();
      const staging = wanted['staging'] as { framework: string; runtime: string | null };
      this.add(String(wanted['name']), {
        ...wanted,
        staging: { model: staging.framework, stack: staging.runtime },
        state: 'STOPPED',
      });
      return void response.writeHead(302, { Location: '/apps/x' }).end('{"result":"success"}');
    }
    if (!path.startsWith('/apps/')) return fail(404, 303, `Could not find : '${path}'`);
    const [, name = '', rest = ''] = /^\/apps\/([^/]+)(.*)$/.exec(path) ?? [];
    const app = this.apps.get(name);
    if (app === undefined) return fail(404, 301, 'Application not found');
    if (rest === '' && method === 'GET') return answer(this.show(app));
    if (rest === '' && method === 'DELETE') {
      this.apps.delete(name);
      return answer({});
    }
    if (rest === '' && method === 'PUT') {
      const wanted = input();
      if (wanted['state'] === 'STARTED' && app.state !== 'STARTED') {
        const refused = await this.staging();
        if (refused !== undefined) return fail(500, refused.code, refused.description);
      }
      // As the real one: services that are left out are unbound.
      this.apps.set(name, { ...app, services: [], ...wanted });
      return answer({});
    }
    if (rest === '/resources')
      return this.packageFiles
        ? answer(this.packageFiles)
        : fail(404, 303, "Could not find : 'list of files'");
    if (rest === '/update') {
      const refused = await this.staging();
      return refused === undefined ? answer({}) : fail(500, refused.code, refused.description);
    }
    if (rest === '/application') {
      const refused = this.refuseUpload;
      this.refuseUpload = false;
      return refused ? fail(500, 402, 'App packaging failed') : answer({});
    }
    if (rest === '/logs' && this.logPages !== undefined) {
      const page = this.logPages.shift();
      if (page === undefined) return;
      response.setHeader('X-Log-Cursor', page.cursor);
      return void response.end(page.lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    }
    if (rest === '/staging/log') {
      this.onStagingLog();
      if (this.stagingLog === undefined) return fail(404, 303, "Could not find : 'log'");
      const offset = Number(new URL(url, 'http://x').searchParams.get('offset'));
      if (this.stagingLog.task !== undefined) response.setHeader('X-Staging-Task', this.stagingLog.task);
      response.writeHead(200, { 'X-Staging-Complete': String(this.stagingLog.complete) });
      return void response.end(Buffer.from(this.stagingLog.text).subarray(offset));
    }
    if (rest === '/crashes')
      return answer({
        crashes: this.crash
          ? [{ instance: 'c0ffee', since: Date.now() / 1000 + 5, reason: 'out of memory' }]
          : [],
      });
    if (rest === '/instances')
      return answer({ instances: [{ index: 0, state: 'RUNNING', since: 1336978271 }] });
    if (rest === '/stats') return answer({ 0: { state: 'RUNNING', stats: stats } });
    const file = /^\/instances\/[^/]+\/files\/(.*)$/.exec(rest)?.[1];
    if (file !== undefined) return this.sendFile(file, headers.range, response, fail);
    return fail(404, 303, `Could not find : '${path}'`);
  }

  private show(app: App): unknown {
    const started = app.state === 'STARTED';
    const lacks = app['placement_error'] !== undefined;
    return { ...app, runningInstances: started && !this.crash && !lacks ? app.instances : 0 };
  }

  private sendFile(
    path: string,
    range: string | undefined,
    response: ServerResponse,
    fail: (status: number, code: number, description: string) => void,
  ): void {
    const content = this.files[path];
    if (content === undefined) return fail(404, 303, `Could not find : '${path}'`);
    const bytes = Buffer.from(content);
    const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
    if (range === undefined) return void response.writeHead(200).end(bytes);
    if (from >= bytes.length)
      return void response.writeHead(416, { 'Content-Range': `bytes */${bytes.length}` }).end();
    response.writeHead(206).end(bytes.subarray(from));
  }
}

const stats = {
  cores: 2,
  uptime: 93784.5,
  mem_quota: 134217728,
  disk_quota: 2147483648,
  usage: { cpu: 1.5, mem: 20000, disk: 4096 },
};

const runtimes = (...names: string[]) => ({ runtimes: names.map((name) => ({ name })) });

function info(token: string | undefined): Record<string, unknown> {
  const base = { name: 'vcap', build: 2222, support: 'http://s', version: '0.999', description: 'Test' };
  if (token === undefined) return base;
  return {
    ...base,
    user: 'ann@x.com',
    limits: { memory: 2048, apps: 20, services: 16 },
    usage: { memory: 0, apps: 0, services: 0 },
    frameworks: { node: runtimes('node'), rack: runtimes('ruby'), standalone: runtimes('node', 'python3') },
  };
}
