import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { deaStop } from '@vcap/bus';
import { answers, instancePids, programPids, refuses } from './processes.ts';
import { webApp, World } from './world.ts';

let world: World;

beforeEach(async () => {
  world = await World.create();
});
afterEach(() => world.close());

/** A web application whose answers depend on files in its home. */
const moody = `exec node -e '
  const fs = require("fs");
  require("http").createServer((q, s) => {
    if (fs.existsSync("hang")) return;
    s.statusCode = fs.existsSync("ready") ? 200 : 503;
    s.end(q.url);
  }).listen(process.env.PORT)'`;
const homeOf = async (): Promise<string> => {
  const [found] = await world.find();
  return join(world.dir, 'base/instances', found?.instance ?? '', 'app');
};
const state = (): string | undefined => world.beats.at(-1)?.droplets[0]?.state;

describe('readiness', () => {
  test('by HTTP: RUNNING once the path answers well', async () => {
    await world.startDea();
    world.start(moody, { health_check_type: 'http', health_check_http_endpoint: '/health?deep=1' });
    await world.seen(() => state() === 'STARTING');
    await world.seen(async () => answers((await world.find())[0]?.stats?.port ?? 0).then(() => true));
    await world.seen(() => instancePids(world.dir).length > 0);
    expect(world.registered).toEqual([]);
    writeFileSync(join(await homeOf(), 'ready'), '');
    const { port } = await world.seen(() => world.registered[0]);
    expect(await answers(port)).toBe('/');
  });

  test('by HTTP: the reason names the path and the last answer', async () => {
    await world.startDea();
    world.start(moody, {
      health_check_type: 'http',
      health_check_http_endpoint: '/health',
      health_check_timeout: 1.5,
    });
    const exit = await world.seen(() => world.exits[0]);
    expect(exit.exit_description).toBe(
      'failed its health check GET /health within health check timeout: it answered 503',
    );
    expect(instancePids(world.dir)).toEqual([]);
  });

  test('by process: RUNNING at once, though nothing listens', async () => {
    await world.startDea();
    world.start('exec sleep 60', { health_check_type: 'process' });
    await world.seen(() => state() === 'RUNNING');
    expect(world.registered).toHaveLength(1);
  });

  test('by port without URLs, within the time of the application', async () => {
    await world.startDea({ health_check_timeout: 60 });
    world.start('exec sleep 60', { uris: [], health_check_type: 'port', health_check_timeout: 0.5 });
    const exit = await world.seen(() => world.exits[0]);
    expect(exit.exit_description).toContain('within health check timeout: connection refused');
  });

  test.each([
    [{ health_check_type: 'magic' }, 'health_check_type magic is none of port, http, process'],
    [
      { health_check_type: 'http', health_check_http_endpoint: '/a b' },
      'health_check_http_endpoint is not a path that begins with /',
    ],
    [
      { egress_network_rules: [{ protocol: 'tcp', destination: 'everywhere' }] },
      'egress_network_rules.0.destination: must be an IPv4 address, a network or a range',
    ],
  ])('refuses %j and says why', async (change, why) => {
    await world.startDea();
    world.start('exec sleep 60', change);
    expect(await world.seen(() => world.exits[0])).toMatchObject({
      reason: 'CRASHED',
      exit_description: why,
    });
  });
});

describe('liveness', () => {
  test('a serving instance that no longer answers is a crash with a reason', async () => {
    await world.startDea({ liveness: { interval: 0.1, timeout: 0.2, failures: 3 } });
    world.start(`touch ready; ${moody}`, { health_check_type: 'http', health_check_http_endpoint: '/' });
    const { port } = await world.seen(() => world.registered[0]);
    await world.seen(() => state() === 'RUNNING');
    writeFileSync(join(await homeOf(), 'hang'), '');
    const exit = await world.seen(() => world.exits[0]);
    expect(exit.exit_description).toBe('health check GET / failed 3 times in a row: no answer within 0.2 s');
    expect(world.unregistered[0]?.port).toBe(port);
    await world.seen(() => instancePids(world.dir).length === 0);
    expect(await world.logText()).toContain('dea: crashed: health check GET / failed 3 times');
  });

  test('a closed port is one too, and one failure is none', async () => {
    await world.startDea({ liveness: { interval: 0.1, timeout: 0.2, failures: 3 } });
    world.start(`exec node -e '
      const s = require("http").createServer((q, r) => r.end());
      s.listen(process.env.PORT, () => process.on("SIGUSR2", () => s.close()));
      setInterval(() => {}, 1000)'`);
    await world.seen(() => world.registered[0]);
    const [pid] = programPids(world.dir);
    expect(pid).toBeGreaterThan(1);
    process.kill(pid as number, 'SIGUSR2');
    const exit = await world.seen(() => world.exits[0]);
    expect(exit.exit_description).toMatch(
      /^connection to port \d+ failed 3 times in a row: connection refused$/,
    );
  });
});

describe('a stop', () => {
  test("gives the application's own grace, and says in its log that KILL was needed", async () => {
    await world.startDea({ stop_grace: 60, max_stop_grace: 0.5 });
    world.start(`trap 'echo got TERM' TERM; echo up; while :; do sleep 0.05; done`, {
      uris: [],
      stop_grace: 100,
    });
    await world.seen(() => state() === 'RUNNING');
    await world.seen(async () => (await world.logText()).includes('stdout: up'));
    const [found] = await world.find();
    world.bus.publish(deaStop, { droplet: 'app-1' });
    await world.seen(() => world.exits[0]);
    const { ended, lines } = await world.log(found, { after: 0 });
    expect(ended).toBe(true);
    const texts = lines.map(({ source, text }) => `${source}: ${text}`);
    expect(texts).toContain('stdout: got TERM');
    expect(texts.at(-1)).toBe('dea: stopped: it did not end within 0.5 s of TERM, KILL was needed');
    expect(world.dea?.output()).toContain('instance-killed');
  });
});

describe('a DEA that was killed', () => {
  test('goes on with what was still starting', async () => {
    await world.startDea();
    world.start(moody, { health_check_type: 'http', health_check_http_endpoint: '/' });
    await world.seen(() => instancePids(world.dir).length > 0);
    await world.seen(() =>
      readFileSync(join(world.dir, 'base/db/instances.json'), 'utf8').includes('"startTime"'),
    );
    await world.dea?.kill();
    await world.startDea();
    await world.seen(() => state() === 'STARTING');
    writeFileSync(join(await homeOf(), 'ready'), '');
    await world.seen(() => world.registered[0]);
    expect(world.exits).toEqual([]);
  });

  test('adopts port, uptime, use and log stream, and tells no beat that leaves one out', async () => {
    await world.startDea({ sample_interval: 0.1 });
    const logging = webApp.replace(
      'console.log("up")',
      'let n = 0; setInterval(() => console.log("n" + n++), 10)',
    );
    world.start(logging);
    const { port } = await world.seen(() => world.registered[0]);
    await world.startWebApp({ index: 1 });
    await world.seen(() => world.beats.at(-1)?.droplets.length === 2);
    const before = await world.find({}, 2);
    await world.seen(async () => (await world.logText()).includes('stdout: n20'));
    // What it has not written down yet it cannot know again.
    const snapshot = join(world.dir, 'base/db/instances.json');
    await world.seen(() => readFileSync(snapshot, 'utf8').match(/"state":\s*"RUNNING"/g)?.length === 2);
    await world.dea?.kill();
    const beats = world.beats.length;
    await world.startDea({ sample_interval: 0.1 });
    await world.seen(() => world.beats.length > beats + 1);
    for (const { droplets } of world.beats.slice(beats))
      expect(droplets.map((each) => each.state)).toEqual(['RUNNING', 'RUNNING']);
    const after = await world.find({}, 2);
    expect(new Set(after.map(({ instance, state_timestamp: since }) => `${instance} ${since}`))).toEqual(
      new Set(before.map(({ instance, state_timestamp: since }) => `${instance} ${since}`)),
    );
    expect(await answers(port)).toContain('shop');
    const [stats] = await world.seen(async () => {
      const found = await world.find({ include_stats: true, indices: [0] });
      return Number(found[0]?.stats?.usage?.['mem']) > 0 && found;
    });
    expect(stats).toMatchObject({ index: 0, stats: { port } });
    const [found] = await world.find({ indices: [0] });
    const { lines } = await world.log(found, { after: 0, max: 10_000 });
    expect(lines.map(({ seq }) => seq)).toEqual(lines.map((_, index) => index + 1));
    const counted = lines.filter(({ source }) => source === 'stdout').map(({ text }) => text);
    expect(counted.length).toBeGreaterThan(20);
    expect(counted).toEqual(counted.map((_, index) => `n${index}`));
    expect(lines.some(({ text }) => text.includes('restarted DEA goes on'))).toBe(true);
  });

  test.each([
    ['cut short', (text: string) => text.slice(0, text.length / 2)],
    ['empty', () => ''],
  ])('uses the snapshot before when the newest is %s', async (_how, damaged) => {
    await world.startDea();
    const { port } = await world.startWebApp();
    world.start('exec sleep 60', { uris: [], index: 1 });
    await world.seen(
      () => world.beats.at(-1)?.droplets.filter((each) => each.state === 'RUNNING').length === 2,
    );
    const id = world.deaId;
    await world.dea?.kill();
    const newest = join(world.dir, 'base/db/instances.json');
    const text = readFileSync(newest, 'utf8');
    rmSync(newest); // another file: the one before may be the same one under a second name
    writeFileSync(newest, damaged(text));
    await world.startDea();
    expect(world.deaId).toBe(id);
    expect(world.dea?.output()).toContain('snapshot-damaged');
    expect(await answers(port)).toContain('shop');
    const found = await world.find({ indices: [0] });
    expect(found[0]?.state).toBe('RUNNING');
  });

  test('destroys what no snapshot names', async () => {
    await world.startDea();
    const { port } = await world.startWebApp();
    await world.dea?.kill();
    for (const name of readdirSync(join(world.dir, 'base/db')))
      writeFileSync(join(world.dir, 'base/db', name), '{');
    await world.startDea();
    expect(world.dea?.output()).toContain('snapshot-unreadable');
    expect(await refuses(port)).toBe(true);
    expect(instancePids(world.dir)).toEqual([]);
    expect(readdirSync(join(world.dir, 'base/instances'))).toEqual([]);
    expect(readdirSync(join(world.dir, 'base/logs'))).toEqual([]);
  });

  test('keeps crashed instances readable', async () => {
    await world.startDea();
    world.start('echo last words; exit 3', { uris: [] });
    await world.seen(() => world.exits[0]);
    await world.seen(async () => (await world.logText()).includes('crashed'));
    const snapshot = join(world.dir, 'base/db/instances.json');
    await world.seen(() => readFileSync(snapshot, 'utf8').includes('"state":"CRASHED"'));
    await world.dea?.kill();
    await world.startDea();
    const [found] = await world.find({ states: ['CRASHED'] });
    expect(found?.state).toBe('CRASHED');
    expect(await world.logText()).toContain(
      'stdout: last words\ndea: crashed: app instance exited (status 3)\n',
    );
    const file = join(world.dir, 'base/instances', found?.instance ?? '', 'logs/stdout.log');
    expect(readFileSync(file, 'utf8')).toBe('last words\n');
    expect(world.exits).toHaveLength(1);
  });
});
