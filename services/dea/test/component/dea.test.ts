import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { deaStatus, deaStop, deaUpdate, healthmanagerStart, newTrace, routerStart } from '@vcap/bus';
import type { Trace } from '@vcap/bus';
import { connect } from 'nats';
import { request } from 'undici';
import { answers, instancePids as pidsIn, refuses } from './processes.ts';
import { webApp, World } from './world.ts';

let world: World;

beforeEach(async () => {
  world = await World.create();
});
afterEach(() => world.close());

const instancePids = (): number[] => pidsIn(world.dir);

describe('a DEA', () => {
  test('starts an application, tells everybody, serves its files, and stops it', async () => {
    await world.startDea();
    const { port, private_instance_id: cookie, app } = await world.startWebApp();
    expect(cookie).toMatch(/^[0-9a-f]{64}$/);
    expect(app).toBe('app-1');
    expect(JSON.parse(await answers(port))).toMatchObject({ name: 'shop', port });
    const beat = await world.seen(() => world.beats.find(({ droplets }) => droplets[0]?.state === 'RUNNING'));
    expect(beat.droplets).toHaveLength(1);
    await world.seen(() => world.adverts.at(-1)?.available_memory === 896);
    expect(world.adverts.at(-1)).toMatchObject({
      available_disk: 768,
      stacks: ['linux'],
      app_id_to_count: { 'app-1': 1 },
    });

    const [found] = await world.find({ include_stats: true, states: ['RUNNING'] });
    expect(found?.stats).toMatchObject({ name: 'shop', port, mem_quota: 134_217_728, fds_quota: 256 });
    const login = Buffer.from(found?.credentials?.join(':') ?? '').toString('base64');
    const file = await request(`${found?.file_uri}${found?.staged}/logs/stdout.log`, {
      headers: { authorization: `Basic ${login}` },
    });
    expect(await file.body.text()).toBe('up\n');

    world.bus.publish(deaStop, { droplet: 'app-1', version: 'v1', indices: [0] });
    await world.seen(() => world.exits[0]);
    expect(world.exits[0]).toMatchObject({ reason: 'STOPPED', index: 0 });
    expect(world.unregistered[0]).toMatchObject({ port, uris: ['shop.example.test'] });
    await world.seen(() => world.adverts.at(-1)?.available_memory === 1024);
    await world.seen(() => world.beats.at(-1)?.droplets.length === 0);
    expect(await refuses(port)).toBe(true);
    expect(readdirSync(join(world.dir, 'base/instances'))).toEqual([]);
    expect(instancePids()).toEqual([]);
  });

  test('runs the command of the droplet, without URLs and health check, when the message has none', async () => {
    await world.startDea();
    world.start('', { uris: [], start_command: null });
    await world.seen(() => world.beats.at(-1)?.droplets[0]?.state === 'RUNNING');
    const id = world.beats.at(-1)?.droplets[0]?.instance ?? '';
    const log = join(world.dir, 'base/instances', id, 'logs/stdout.log');
    await world.seen(() => readFileSync(log, 'utf8') === 'from the droplet\n');
    expect(world.registered).toEqual([]);
  });

  test('reports a crash with its status and keeps the files', async () => {
    await world.startDea();
    world.start('echo last words; exit 7', { uris: [] });
    const exit = await world.seen(() => world.exits[0]);
    expect(exit).toMatchObject({
      reason: 'CRASHED',
      exit_status: 7,
      exit_description: 'app instance exited',
    });
    await world.seen(() => world.beats.at(-1)?.droplets[0]?.state === 'CRASHED');
    const [found] = await world.find({ states: ['CRASHED'] });
    const login = Buffer.from(found?.credentials?.join(':') ?? '').toString('base64');
    const file = await request(`${found?.file_uri}${found?.staged}/logs/stdout.log`, {
      headers: { authorization: `Basic ${login}` },
    });
    expect(await file.body.text()).toBe('last words\n');
    await world.seen(() => world.adverts.at(-1)?.available_memory === 1024);
  });

  test('sees a killed instance and unregisters it', async () => {
    await world.startDea();
    const { port } = await world.startWebApp();
    for (const pid of instancePids())
      if (readFileSync(`/proc/${pid}/comm`, 'utf8') !== 'sh\n') process.kill(pid, 'SIGKILL');
    const exit = await world.seen(() => world.exits[0]);
    expect(exit).toMatchObject({ reason: 'CRASHED', exit_status: 137 });
    expect(world.unregistered[0]?.port).toBe(port);
  });

  test('gives up on one that never accepts connections', async () => {
    await world.startDea({ health_check_timeout: 0.5 });
    world.start('exec sleep 60');
    const exit = await world.seen(() => world.exits[0]);
    expect(exit.exit_description).toContain('failed to accept connections within health check timeout');
    expect(instancePids()).toEqual([]);
  });

  test('answers a start it has no room for, or whose droplet is wrong', async () => {
    await world.startDea();
    world.start('sleep 60', { limits: { mem: 2048, disk: 1, fds: 1 } });
    await world.seen(() => world.exits[0]);
    expect(world.exits[0]?.exit_description).toBe('not enough memory: 2048 MB asked, 1024 MB free');
    world.start('sleep 60', { sha1: 'b'.repeat(40) });
    await world.seen(() => world.exits[1]);
    expect(world.exits[1]?.exit_description).toContain('droplet has sha1');
  });

  test('kills one that ignores TERM after its grace', async () => {
    await world.startDea();
    world.start(`trap '' TERM; echo up; while :; do sleep 0.1; done`, { uris: [], stop_grace: 0.3 });
    await world.seen(() => world.beats.at(-1)?.droplets[0]?.state === 'RUNNING');
    const [found] = await world.find();
    const log = join(world.dir, 'base/instances', found?.instance ?? '', 'logs/stdout.log');
    await world.seen(() => readFileSync(log, 'utf8').includes('up'));
    world.bus.publish(deaStop, { droplet: 'app-1' });
    await world.seen(() => world.exits[0]);
    expect(world.exits[0]).toMatchObject({ reason: 'STOPPED', exit_status: 137 });
    expect(world.dea?.output()).toContain('instance-killed');
  });

  test('stops one that is still starting', async () => {
    await world.startDea();
    world.start('exec sleep 60');
    await world.seen(() => world.beats.at(-1)?.droplets[0]?.state === 'STARTING');
    await world.seen(() => instancePids().length > 0);
    world.bus.publish(deaStop, { droplet: 'app-1' });
    await world.seen(() => world.exits[0]);
    expect(world.exits.map(({ reason }) => reason)).toEqual(['STOPPED']);
    expect(instancePids()).toEqual([]);
  });

  test('takes garbage, doubled and unknown messages without harm', async () => {
    await world.startDea();
    const raw = await connect({ servers: world.natsUrl });
    for (const subject of [
      `dea.${world.deaId}.start`,
      'dea.stop',
      'dea.update',
      'dea.find.droplet',
      'router.start',
    ])
      for (const body of ['not json', '[]', 'null', '{"droplet":{}}', '']) raw.publish(subject, body);
    await raw.flush();
    await raw.close();
    await world.startWebApp();
    world.start('sleep 60');
    world.bus.publish(deaStop, { droplet: 'app-1', indices: [9] });
    expect(await world.find({}, 5)).toHaveLength(1);
    world.bus.publish(deaStop, { droplet: 'app-1' });
    world.bus.publish(deaStop, { droplet: 'app-1' });
    await world.seen(() => world.exits[0]);
    expect(await world.find()).toEqual([]);
    expect(world.exits).toHaveLength(1);
  });

  test('changes routes and registers again when a router starts', async () => {
    await world.startDea();
    await world.startWebApp();
    world.bus.publish(deaUpdate, { droplet: 'app-1', uris: ['new.example.test'] });
    await world.seen(() => world.unregistered[0]);
    expect(world.registered.at(-1)?.uris).toEqual(['new.example.test']);
    expect(world.unregistered[0]?.uris).toEqual(['shop.example.test']);
    const count = world.registered.length;
    world.bus.publish(routerStart, { id: 'r', minimumRegisterIntervalInSeconds: 0.1 });
    await world.seen(() => world.registered.length > count + 3);
  });

  test('logs and tells what a message caused under its trace; a crash later on opens one of its own', async () => {
    await world.startDea({ intervals: { heartbeat: 3600, advertise: 0.2 } });
    const [start, update, stop, refused, late] = Array.from({ length: 5 }, newTrace) as [
      Trace,
      Trace,
      Trace,
      Trace,
      Trace,
    ];
    world.start(webApp, {}, start);
    await world.seen(() => world.registered[0]);
    world.bus.publish(deaUpdate, { droplet: 'app-1', uris: ['new.example.test'] }, update);
    await world.seen(() => world.unregistered[0]);
    world.bus.publish(deaStop, { droplet: 'app-1' }, stop);
    await world.seen(() => world.exits[0]);
    world.start('', { limits: { mem: 2048, disk: 1, fds: 1 } }, refused);
    await world.seen(() => world.exits[1]);
    world.start(webApp, {}, late);
    await world.seen(() => world.registered[2]);
    for (const pid of instancePids())
      if (readFileSync(`/proc/${pid}/comm`, 'utf8') !== 'sh\n') process.kill(pid, 'SIGKILL');
    await world.seen(() => world.exits[2]);

    const ids = [start, update, stop, refused, late].map(({ traceId }) => traceId);
    const [s, u, p, r, l] = ids;
    expect(world.traces.get('download')).toEqual([s]);
    expect(world.traces.get('router.register')).toEqual([s, u, l]);
    const crash = world.traces.get('droplet.exited')?.[2];
    expect(ids).not.toContain(crash);
    expect(world.traces.get('droplet.exited')).toEqual([p, r, crash]);
    expect(world.traces.get('router.unregister')).toEqual([u, p, crash]);
    expect(world.loggedFor(start)).toEqual(['instance-state', 'instance-state']);
    expect(world.loggedFor(update)).toEqual(['instance-uris-changed']);
    expect(world.loggedFor(stop)).toEqual(['instance-state', 'instance-state']);
    expect(world.loggedFor(refused)).toEqual(['start-refused']);
    const crashed = await world.seen(() => {
      const events = world.loggedFor({ traceId: crash ?? '', spanId: '' });
      return events.length > 0 && events;
    });
    expect(crashed).toEqual(['instance-state']);
  });

  test('answers dea.status and beats when a health manager starts', async () => {
    await world.startDea({ intervals: { heartbeat: 3600, advertise: 3600 } });
    const [status] = await world.bus.request(deaStatus, {}, { timeoutMs: 5000 });
    expect(status).toMatchObject({ id: world.deaId, max_memory: 1024, reserved_memory: 0 });
    const count = world.beats.length;
    world.bus.publish(healthmanagerStart, {});
    await world.seen(() => world.beats.length > count);
  });

  test('leaves nothing behind on TERM and says so first', async () => {
    await world.startDea();
    world.start('exit 1', { uris: [], index: 1 });
    await world.seen(() => world.exits.length === 1);
    await world.startWebApp();
    expect(await world.dea?.stop()).toBe(0);
    await world.seen(() => world.shutdowns[0] === world.deaId && world.exits.length === 2);
    expect(world.exits.map(({ reason }) => reason)).toEqual(['CRASHED', 'DEA_SHUTDOWN']);
    expect(instancePids()).toEqual([]);
    // The crashed one's files too: in a container they are a mounted disk.
    expect(readdirSync(join(world.dir, 'base/instances'))).toEqual([]);
  });

  test('leaves instances to the next DEA when told so', async () => {
    const settings = { stop_instances_on_shutdown: false };
    await world.startDea(settings);
    const { port } = await world.startWebApp();
    const [before] = await world.find();
    expect(await world.dea?.stop()).toBe(0);
    expect(await answers(port)).toContain('shop');
    await world.startDea();
    const [after] = await world.find({ states: ['RUNNING'] });
    expect(after?.instance).toBe(before?.instance);
    expect(world.exits).toEqual([]);
  });

  test('forgets crashes that are old or too many of one application', async () => {
    await world.startDea({ crash_sweep: 0.2, crash_lifetime: 1.5, crashes_per_app: 1 });
    world.start('exit 1', { uris: [] });
    await world.seen(() => world.exits.length === 1);
    world.start('exit 1', { uris: [], index: 1 });
    await world.seen(() => world.exits.length === 2);
    await world.seen(
      () =>
        world.beats
          .at(-1)
          ?.droplets.map(({ index }) => index)
          .join(',') === '1',
    );
    await world.seen(() => world.beats.at(-1)?.droplets.length === 0);
    await world.seen(() => readdirSync(join(world.dir, 'base/instances')).length === 0);
    expect(world.exits.map(({ reason }) => reason)).toEqual(['CRASHED', 'CRASHED']);
  });

  test('keeps the logs within their size', async () => {
    await world.startDea({ log_file_bytes: 10_000, log_stream: { interval: 0.05 } });
    world.start('while :; do echo 0123456789012345678901234567890123456789; sleep 0.001; done', { uris: [] });
    await world.seen(() => world.beats.at(-1)?.droplets[0]?.state === 'RUNNING');
    const [found] = await world.find();
    const logs = join(world.dir, 'base/instances', found?.instance ?? '', 'logs');
    await world.seen(() => statSync(join(logs, 'stdout.log.1')).size > 8000);
    await world.seen(() => statSync(join(logs, 'stdout.log')).size < 10_000);
    expect(readdirSync(logs).toSorted()).toEqual(['stderr.log', 'stdout.log', 'stdout.log.1']);
  });

  test('is killed and started again: running instances go on with their port, the dead are reported', async () => {
    await world.startDea();
    const { port } = await world.startWebApp();
    world.start('exec sleep 61', { droplet: 'app-2', uris: [] });
    await world.seen(
      () => world.beats.at(-1)?.droplets.filter(({ state }) => state === 'RUNNING').length === 2,
    );
    const before = await world.find();
    const id = world.deaId;
    const snapshot = join(world.dir, 'base/db/instances.json');
    expect(statSync(snapshot).mode & 0o777).toBe(0o600);
    await world.seen(() => readFileSync(snapshot, 'utf8').split('"state":"RUNNING"').length === 3);
    await world.dea?.kill();
    const sleeper = instancePids().find((pid) =>
      readFileSync(`/proc/${pid}/cmdline`, 'latin1').startsWith('sleep'),
    );
    expect(sleeper).toBeGreaterThan(1);
    process.kill(sleeper as number, 'SIGKILL');
    expect(await answers(port)).toContain('shop');

    await world.startDea();
    expect(world.deaId).toBe(id);
    const exit = await world.seen(() => world.exits[0]);
    expect(exit).toMatchObject({ droplet: 'app-2', reason: 'CRASHED', exit_status: 137 });
    const after = await world.find({ states: ['RUNNING'] });
    expect(after[0]?.instance).toBe(before[0]?.instance);
    expect(await answers(port)).toContain('shop');
    const again = world.registered.at(-1) as { identity_port?: number; private_instance_id?: string };
    const held = await fetch(`http://127.0.0.1:${again.identity_port}/held`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ dea: id, instances: { [port]: again.private_instance_id } }),
    });
    expect(await held.json()).toEqual({ held: [port] });
    world.bus.publish(deaStop, { droplet: 'app-1' });
    await world.seen(() => world.exits[1]?.reason === 'STOPPED');
    expect(await refuses(port)).toBe(true);
  });

  test('does not show credentials of services to other users of the machine', async () => {
    await world.startDea();
    await world.startWebApp({
      services: [{ name: 'db', label: 'x-1', credentials: { password: 'top-secret' } }],
    });
    expect(execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })).not.toContain('top-secret');
    expect(world.dea?.output()).not.toContain('top-secret');
  });
});
