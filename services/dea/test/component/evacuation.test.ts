import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { deaStatus, deaStop } from '@vcap/bus';
import type { RunningProcess } from '@vcap/testkit';
import { answers, instancePids } from './processes.ts';
import { webApp, World } from './world.ts';

let world: World;
let old: RunningProcess;
let oldId: string;

/** Long beats: what is seen at once was told at once. */
const settings = {
  intervals: { heartbeat: 0.5, advertise: 0.2 },
  evacuation: { bail_out_time: 60, drain: 0.3 },
};

beforeEach(async () => {
  world = await World.create();
  oldId = await world.startDea(settings, 'old');
  old = world.dea as RunningProcess;
});
afterEach(() => world.close());

/** The port that a router would send the next request to. */
function routed(): number {
  const gone = new Set(world.unregistered.map((each) => each.private_instance_id));
  return world.registered.findLast((each) => !gone.has(each.private_instance_id))?.port ?? 0;
}
const statesOf = (dea: string): (string | undefined)[] =>
  world.beats.findLast((beat) => beat.dea === dea)?.droplets.map(({ state }) => state) ?? [];

describe('on USR2 a DEA', () => {
  test('serves on, EVACUATING, until the copy runs elsewhere: no request fails; then it ends', async () => {
    await world.startWebApp();
    world.start(webApp, { index: 1 });
    await world.seen(() => world.registered[1]);
    const newId = await world.startDea(settings, 'new');
    old.signal('SIGUSR2');
    await world.seen(() => world.shutdowns.includes(oldId));
    await world.seen(() => statesOf(oldId).join() === 'EVACUATING,EVACUATING');
    expect(world.exits.map(({ index, reason }) => `${index} ${reason}`).toSorted()).toEqual([
      '0 DEA_EVACUATION',
      '1 DEA_EVACUATION',
    ]);
    expect(world.unregistered).toEqual([]);

    let failed = 0;
    let asked = 0;
    const asking = (async () => {
      while (old.running) {
        asked += 1;
        if (!(await answers(routed())).includes('shop')) failed += 1;
      }
    })();
    world.start(webApp, { index: 0 }, undefined, newId);
    await world.seen(() => world.unregistered.length === 1);
    expect(old.running).toBe(true);
    world.start(webApp, { index: 1 }, undefined, newId);
    expect(await old.exited).toBe(0);
    await asking;
    expect(failed).toBe(0);
    expect(asked).toBeGreaterThan(10);
    expect(statesOf(newId)).toEqual(['RUNNING', 'RUNNING']);
    expect(instancePids(world.dir, oldId)).toEqual([]);
    expect(world.exits).toHaveLength(2);
  });

  test('leaves nothing to a copy that is itself about to go, nor to its own beats', async () => {
    await world.startWebApp();
    const newId = await world.startDea(settings, 'new');
    world.start(webApp, {}, undefined, newId);
    await world.seen(() => statesOf(newId)[0] === 'RUNNING');
    world.dea?.signal('SIGUSR2');
    // The copy leaves, as the first one runs; the first one stays though the copy's old beats told RUNNING.
    await world.dea?.exited;
    old.signal('SIGUSR2');
    await world.seen(() => statesOf(oldId)[0] === 'EVACUATING');
    const beats = world.beats.length;
    await world.seen(() => world.beats.length > beats + 2);
    expect(await answers(routed())).toContain('shop');
  });

  test('takes no new instance, and one that was just starting serves on as well', async () => {
    world.start(
      webApp
        .replace('.listen', '; setTimeout(() => s.listen')
        .replace('s.end', 's.end')
        .replace('require("http").createServer', 'const s = require("http").createServer')
        .replace(`)'`, `), 1500)'`),
    );
    await world.seen(() => statesOf(oldId)[0] === 'STARTING');
    old.signal('SIGUSR2');
    await world.seen(() => world.shutdowns[0]);
    world.start(webApp, { index: 1 }, undefined, oldId);
    const refused = await world.seen(() => world.exits[0]);
    expect(refused).toMatchObject({ index: 1, exit_description: 'the DEA is shutting down' });
    const [status] = await world.bus.request(deaStatus, {}, { timeoutMs: 5000 });
    expect(status).toMatchObject({ state: 'SHUTTING_DOWN' });
    await world.seen(() => statesOf(oldId)[0] === 'EVACUATING');
    expect(await answers(routed())).toContain('shop');
    world.bus.publish(deaStop, { droplet: 'app-1' });
    expect(await old.exited).toBe(0);
    expect(world.exits.at(-1)).toMatchObject({ index: 0, reason: 'STOPPED' });
  });

  test('goes when its time is up, whatever still runs', async () => {
    const impatient = {
      ...settings,
      evacuation: { bail_out_time: 1, drain: 0 },
      stop_instances_on_shutdown: false,
    };
    const id = await world.startDea(impatient, 'impatient');
    world.start(webApp, {}, undefined, id);
    await world.seen(() => statesOf(id)[0] === 'RUNNING');
    world.dea?.signal('SIGUSR2');
    world.dea?.signal('SIGUSR2');
    expect(await world.dea?.exited).toBe(0);
    expect(world.dea?.output()).toContain('evacuation-timed-out');
    expect(instancePids(world.dir)).toEqual([]);
  });

  test('goes before its time where no other DEA is, or all of them go', async () => {
    const lonely = { ...settings, evacuation: { bail_out_time: 600, drain: 0, alone_time: 1 } };
    const ids = [await world.startDea(lonely, 'one')];
    const one = world.dea as RunningProcess;
    ids.push(await world.startDea(lonely, 'two'));
    const two = world.dea as RunningProcess;
    ids.forEach((id, index) => world.start(webApp, { index }, undefined, id));
    await world.seen(() => ids.every((id) => statesOf(id)[0] === 'RUNNING'));
    await old.stop(10_000);
    one.signal('SIGUSR2');
    await world.seen(() => statesOf(ids[0] as string)[0] === 'EVACUATING');
    two.signal('SIGUSR2');
    expect([await one.exited, await two.exited]).toEqual([0, 0]);
    for (const dea of [one, two]) expect(dea.output()).toContain('evacuation-has-no-target');
    expect(instancePids(world.dir)).toEqual([]);
  });

  test('stays as long as there is another DEA', async () => {
    const id = await world.startDea(
      { ...settings, evacuation: { bail_out_time: 3, drain: 0, alone_time: 1 } },
      'one',
    );
    world.start(webApp, {}, undefined, id);
    await world.seen(() => statesOf(id)[0] === 'RUNNING');
    world.dea?.signal('SIGUSR2');
    expect(await world.dea?.exited).toBe(0);
    expect(world.dea?.output()).toContain('evacuation-timed-out');
  });

  test('is gone at once when it is empty', async () => {
    old.signal('SIGUSR2');
    expect(await old.exited).toBe(0);
    expect(world.shutdowns).toEqual([oldId]);
  });

  test('comes back to stay when it is started again, with what it had', async () => {
    const { port } = await world.startWebApp();
    old.signal('SIGUSR2');
    await world.seen(() => statesOf(oldId)[0] === 'EVACUATING');
    await old.kill();
    expect(await world.startDea(settings, 'old')).toBe(oldId);
    await world.seen(() => statesOf(oldId)[0] === 'RUNNING');
    expect(await answers(port)).toContain('shop');
    expect(world.exits.filter(({ reason }) => reason !== 'DEA_EVACUATION')).toEqual([]);
  });
});
