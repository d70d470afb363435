import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { systemClock } from '@vcap/clock';
import { waitFor } from '@vcap/testkit';
import { TunnelServer } from '@vcap/tunnel';
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
      '--default-character-set=utf8mb4',
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

  test('renews its ticket, and shows the newest', async () => {
    tokens = () => ['t2'];
    controller.extra = (call) => {
      if (call.startsWith('POST ')) return { ...opened(), credentials: credentials() };
      return call.endsWith(' /services/v1/tunnels/s1') ? { ...opened(), ticket: 't2' } : undefined;
    };
    const { run, seen } = program();
    const renewals = (): number => controller.lines.filter((line) => line.startsWith('PUT ')).length;
    const outcome = await vmc(['tunnel', 'db1', 'mysql', '--direct'], {
      home,
      run: async (...words) => {
        // With the second the first one's answer is known.
        await waitFor(() => renewals() > 1);
        return run(...words);
      },
    });
    expect([outcome.status, outcome.err, seen[0]?.said]).toEqual([0, '', 'echo hello']);
  });

  test('ends with a failure when the target has ended it', async () => {
    controller.extra = (call) =>
      call.startsWith('POST ') ? { ...opened(), credentials: credentials() } : undefined;
    const none = await vmc(['tunnel', 'db1', 'none', '--direct'], { home });
    expect([none.status, none.err]).toEqual([1, expect.stringMatching(/The tunnel ended: .+/)]);
    const run: Host['run'] = (_argv, _env, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) resolve(143);
        else signal.addEventListener('abort', () => resolve(143), { once: true });
      });
    const mysql = await vmc(['tunnel', 'db1', 'mysql', '--direct'], { home, run });
    expect([mysql.status, mysql.err]).toEqual([1, expect.stringMatching(/The tunnel ended: .+/)]);
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
