import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { systemClock } from '@vcap/clock';
import { waitFor } from '@vcap/testkit';
import { TunnelServer } from '@vcap/tunnel';
import { accessOf } from '../src/tunnel/credentials.ts';
import { clientsFor, fillClient, splitWords } from '../src/tunnel/clients.ts';
import { TestController } from './support/controller.ts';
import { folder } from './support/temp.ts';
import { testClock, vmc } from './support/vmc.ts';
import type { Host } from '../src/context.ts';

let controller: TestController;
let home: string;
let database: Server;
let tunnels: TunnelServer;
/** What opens the endpoint now. */
let tokens: () => string[];
let release: string;
let env: Record<string, string>;

beforeEach(async () => {
  controller = await new TestController().start();
  controller.services = [{ name: 'db1', vendor: 'mysql' }];
  home = await folder({
    '.vmc_target': controller.url,
    '.vmc_token': JSON.stringify({ [controller.url]: 'token' }),
  });
  database = createServer((socket) => socket.on('data', (data) => socket.end(`echo ${data.toString()}`)));
  await new Promise<void>((resolve) => database.listen(0, '127.0.0.1', resolve));
  tokens = () => [];
  release = 'r1';
  env = { VMC_HELPER: await folder({ 'package.json': '{"release":"r1"}', 'server.js': '// the helper' }) };
  tunnels = new TunnelServer({
    clock: systemClock,
    authorise: (token) =>
      token !== undefined && tokens().includes(token) ? { owner: 'me', allows: () => true } : undefined,
  });
  tunnels.start();
  controller.elsewhere = (request, response) => {
    if (!/^(tunnel|caldecott-)/.test(request.headers.host ?? '')) return false;
    tunnels.guard(request, response, () => {
      const json = (value: unknown) =>
        void response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
      if (request.url === '/info')
        return json({ version: '0.0.4', release, transports: ['websocket', 'http'], half_close: true });
      if (request.url === '/services/db1') return json(credentials());
      return tunnels.handle(request, response, () => void response.writeHead(404).end('nothing here'));
    });
    return true;
  };
  controller.server.on('upgrade', (request, socket, head) => tunnels.upgrade(request, socket, head));
});
afterEach(async () => {
  tunnels.stop();
  await controller.stop();
  await new Promise((resolve) => database.close(resolve));
});

const credentials = () => ({
  name: 'd1',
  hostname: '127.0.0.1',
  port: (database.address() as AddressInfo).port,
  username: 'u1',
  password: 'pa ss"$x',
});

/** A program that sends a word through the tunnel and gets it back. */
function program(): {
  run: NonNullable<Host['run']>;
  seen: { argv: string[]; env: NodeJS.ProcessEnv; said: string }[];
} {
  const seen: { argv: string[]; env: NodeJS.ProcessEnv; said: string }[] = [];
  return {
    seen,
    run: async (argv, env) => {
      const port = Number(argv.find((word) => word.startsWith('--port='))?.slice(7));
      const said = await new Promise<string>((resolve, reject) => {
        let text = '';
        const socket = connect(port, '127.0.0.1', () => socket.write('hello'));
        socket.on('data', (data) => (text += data.toString()));
        socket.on('end', () => resolve(text)).on('error', reject);
      });
      seen.push({ argv, env, said });
      return 0;
    },
  };
}

describe('a direct tunnel', () => {
  const opened = () => ({ session: 's1', uri: 'tunnel.vcap.localhost', ticket: 't1', expires_in: 120 });
  beforeEach(() => {
    tokens = () => ['t1'];
    controller.extra = (call) => {
      if (call === 'POST /services/v1/configurations/db1/tunnels')
        return { ...opened(), credentials: credentials() };
      return call.endsWith('/services/v1/tunnels/s1') ? opened() : undefined;
    };
  });

  test('runs the program with its password in the environment, and ends with it', async () => {
    const { run, seen } = program();
    const { status, out, err } = await vmc(['tunnel', 'db1', 'mysql', '--direct'], { home, run });
    expect([status, err]).toEqual([0, '']);
    expect(out).toMatch(/127\.0\.0\.1:\d+\n {2}user: +u1\n {2}password: pa ss"\$x\n {2}database: d1/);
    expect(seen[0]?.said).toBe('echo hello');
    expect(seen[0]?.argv).toEqual([
      'mysql',
      '--protocol=TCP',
      '--host=127.0.0.1',
      expect.stringMatching(/^--port=\d+$/),
      '--user=u1',
      'd1',
    ]);
    expect(seen[0]?.env['MYSQL_PWD']).toBe('pa ss"$x');
    expect(controller.lines.at(-1)).toBe('DELETE /services/v1/tunnels/s1');
    expect([...controller.apps.keys()]).toEqual([]);
  });

  test.each([
    ['auto', 1],
    ['websocket', 1],
    ['http', 0],
  ])('goes over %s when that is asked', async (transport, upgrades) => {
    let upgraded = 0;
    controller.server.on('upgrade', () => (upgraded += 1));
    const { run, seen } = program();
    const words = ['tunnel', 'db1', 'mysql', '--direct', '--transport', transport];
    const { status, err } = await vmc(words, { home, run });
    expect([status, err, seen[0]?.said, upgraded]).toEqual([0, '', 'echo hello', upgrades]);
  });

  test('tells that it is interrupted, where, and that it goes on', async () => {
    const sockets = new Set<Socket>();
    controller.server.on('connection', (socket: Socket) => sockets.add(socket));
    const run: Host['run'] = async (argv) => {
      const port = Number(argv.find((word) => word.startsWith('--port='))?.slice(7));
      const socket = connect(port, '127.0.0.1');
      await waitFor(() => tunnels.registry.size === 1);
      for (const each of sockets) each.resetAndDestroy();
      socket.write('hello');
      expect(String(await once(socket, 'data'))).toBe('echo hello');
      socket.destroy();
      return 0;
    };
    const { status, err } = await vmc(['tunnel', 'db1', 'mysql', '--direct'], { home, run });
    expect([status, err]).toEqual([0, expect.stringMatching(/^The tunnel is interrupted.*: network: /)]);
    expect(err).toMatch(/The tunnel goes on; nothing was lost\n/);
  });

  test('stays open without a program until the user ends it', async () => {
    const ended = new AbortController();
    const outcome = await vmc(['tunnel', 'db1', 'none', '--direct'], {
      home,
      signal: ended.signal,
      onOut: (all) => all.includes('until you press Ctrl-C') && ended.abort(),
    });
    expect(outcome.status).toBe(0);
    expect(controller.lines.at(-1)).toBe('DELETE /services/v1/tunnels/s1');
  });

  test('is told to be missing where the target has none; unknown services and clients are refused', async () => {
    controller.extra = undefined;
    const missing = await vmc(['tunnel', 'db1', 'none', '--direct'], { home });
    expect([missing.status, missing.err]).toEqual([
      1,
      expect.stringMatching(/no tunnel endpoint of its own/),
    ]);
    expect((await vmc(['tunnel', 'db2'], { home })).err).toMatch(/There is no service 'db2'/);
    expect((await vmc(['tunnel', 'db1', 'psql'], { home })).err).toMatch(/There are: none, mysql, mysqldump/);
    expect((await vmc(['tunnel', 'db1', 'none', '--port', 'x', '--direct'], { home })).status).toBe(2);
    const odd = await vmc(['tunnel', 'db1', 'none', '--transport', 'pigeon'], { home });
    expect([odd.status, odd.err]).toEqual([2, expect.stringMatching(/'pigeon' .*\nThere are: auto/)]);
  });
});

describe('a tunnel through the helper', () => {
  beforeEach(() => {
    tokens = () =>
      ((controller.apps.get('caldecott')?.['env'] as string[] | undefined) ?? []).map(
        (item) => item.split('=')[1] ?? '',
      );
  });
  const run = async (clock = testClock()) => {
    const { run: start, seen } = program();
    const outcome = await vmc(['tunnel', 'db1', 'mysql'], { home, env, clock, run: start });
    return { ...outcome, said: seen[0]?.said };
  };

  test('pushes it once, uses it again, and pushes another release with a new token', async () => {
    const first = await run();
    expect(first).toMatchObject({ status: 0, err: '', said: 'echo hello' });
    expect(controller.json('POST /apps')).toMatchObject({
      name: 'caldecott',
      staging: { framework: 'node' },
      uris: [expect.stringMatching(/^caldecott-[0-9a-f]{8}\.vcap\.localhost$/)],
      services: ['db1'],
    });
    const [token] = tokens();
    controller.calls.length = 0;
    expect(await run()).toMatchObject({ status: 0, said: 'echo hello' });
    expect(controller.lines.filter((call) => !call.startsWith('GET'))).toEqual([]);
    release = 'older';
    const third = run();
    // The helper that was pushed is the right one again.
    controller.onStagingLog = () => (release = 'r1');
    expect(await third).toMatchObject({ status: 0, said: 'echo hello' });
    expect(controller.lines).toContain('DELETE /apps/caldecott');
    expect(tokens()).not.toEqual([token]);
  });

  test('binds another service to it, and --remove deletes it', async () => {
    await run();
    controller.add('caldecott', { ...controller.apps.get('caldecott'), services: [] });
    expect(await run()).toMatchObject({ status: 0, said: 'echo hello' });
    expect(controller.json('PUT /apps/caldecott/update')).toEqual({});
    expect((await vmc(['tunnel', '--remove'], { home })).status).toBe(0);
    expect([...controller.apps.keys()]).toEqual([]);
  });
});

describe('clients', () => {
  const access = accessOf('mysql', {
    host: 'h',
    port: '3306',
    user: 'u',
    password: 'p',
    name: 'd',
    extra: 'x y',
  });

  test('credentials of all vendors come to one form', () => {
    expect(accessOf('rabbitmq', { url: 'amqp://u:p%40@h:5672/v' })).toMatchObject({
      host: 'h',
      port: 5672,
      user: 'u',
      password: 'p@',
      fields: { vhost: 'v' },
    });
    expect(accessOf('mongodb', { host: 'h', port: 1, name: 'n', db: 'db' }).name).toBe('db');
    expect(accessOf('redis', { host: 'h', port: 1, name: 'n' }).name).toBeUndefined();
    expect(() => accessOf('filesystem', { internal: {} })).toThrow(/no host and port/);
  });

  test('the user’s own come over the stock ones; nothing is a shell’s', async () => {
    const file = join(home, '.vmc_clients');
    await writeFile(
      file,
      'mysql:\n  mysql: mycli "-D ${name}" ${extra} ${ask Colour}\n  gui: {command: gui, environment: ["PW=${password}"]}\n',
    );
    const clients = clientsFor('mysql', file);
    expect(Object.keys(clients)).toEqual(['mysql', 'mysqldump', 'gui']);
    const ask = async (question: string) => `<${question}>`;
    expect(await fillClient(clients['mysql']!, access, 10_000, ask)).toEqual({
      argv: ['mycli', '-D d', 'x y', '<Colour>'],
      env: {},
    });
    expect((await fillClient(clients['gui']!, access, 10_000, ask)).env).toEqual({ PW: 'p' });
    expect((await fillClient(clients['mysqldump']!, access, 1, ask)).argv).toContain(
      '--result-file=<Output file>',
    );
    expect(() => splitWords('mysqldump ${name} > file')).toThrow(/needs a shell/);
    expect(clientsFor('constructor', join(home, 'none'))).toEqual({});
  });
});
