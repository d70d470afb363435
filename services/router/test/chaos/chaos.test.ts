import { afterEach, describe, expect, test } from '@jest/globals';
import { systemClock as clock } from '@vcap/clock';
import { freePort, startNats, tempDir } from '@vcap/testkit';
import { readFileSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { nginxLacks } from '../support/nginx.ts';
import { startRouterProcess } from '../support/router-process.ts';
import type { RouterProcess } from '../support/router-process.ts';
import { startBalancer } from './balancer.ts';
import { startChild } from './child.ts';
import type { Failure, FromFleet, FromLoad, ToFleet, ToLoad } from './messages.ts';

/** By hand: CHAOS_SECONDS=600 CHAOS_RATE=2000 CHAOS_WORKERS=1, the bus away for half of it, a router replaced every minute. */
const seconds = Number(process.env['CHAOS_SECONDS'] ?? 14);
const rate = Number(process.env['CHAOS_RATE'] ?? 150);
const dataplane = process.env['CHAOS_DATAPLANE'] ?? 'node';
const workers = Number(process.env['CHAOS_WORKERS'] ?? 0);
const long = seconds >= 120;
const replaceMs = long ? 60_000 : 3500;
/** What nginx answers of itself. */
const noRouterSaid = '502 undefined';
/** How far apart the clocks of what happened and of who noticed may be, on a busy machine. */
const marginMs = 3000;
const outage = { from: seconds * 250, to: seconds * (long ? 750 : 550) };
/** In a short run the times are short, so that the bus is away for longer than a route may go unrepeated. */
const registry = long
  ? { snapshot_interval_seconds: 1, vouch_seconds: 1.5 }
  : {
      vouch_seconds: 1.5,
      prune_threshold_seconds: 4,
      silence_seconds: 2.5,
      sweep_interval_seconds: 1,
      snapshot_interval_seconds: 1,
    };

const lacking = nginxLacks();
if (lacking !== undefined) process.stderr.write(`Two routers behind nginx are not tried: ${lacking}.\n`);
const whereNginxIs = lacking === undefined ? describe : describe.skip;
const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
}, 60_000);

whereNginxIs('two routers behind nginx', () => {
  test(
    'instances start, stop, crash and move, routers are replaced, the bus goes: nobody gets another application’s answer, no request fails that a retry could have saved',
    async () => {
      let nats = await startNats();
      stops.push(() => nats.stop());
      const dir = await tempDir('router-chaos');
      stops.push(() => dir.remove());
      await chmod(dir.path, 0o755);
      const ports = [await freePort(), await freePort()];
      const router = (slot: number): Promise<RouterProcess> =>
        startRouterProcess(nats.url, {
          port: ports[slot],
          dataplane,
          workers,
          nginx: { directory: join(dir.path, `nginx-${slot}`) },
          start_delay_seconds: 0.5,
          drain: { wait_seconds: 1, timeout_seconds: 10 },
          registry: { ...registry, snapshot: join(dir.path, `routes-${slot}`) },
        });
      const fleet = startChild<ToFleet, FromFleet>('fleet', (heard) => {
        if (heard.kind === 'gone') gone.push(heard);
      });
      stops.push(() => fleet.stop());
      const gone: { app: string; at: number; crashed: boolean }[] = [];
      const drains: { from: number; to: number }[] = [];
      const failures: Failure[] = [];
      const first = await router(0);
      stops.push(() => first.stop());
      let second = await router(1);
      stops.push(() => second.stop());
      fleet.send({ kind: 'run', mbus: nats.url, intervalMs: 200, registerMs: long ? 5000 : 1000 });
      const { apps } = await fleet.heard((heard) => heard.kind === 'ready');
      const balancer = await startBalancer(ports);
      stops.push(() => balancer.stop());
      await clock.sleep(4000);

      const load = startChild<ToLoad, FromLoad>('load', (heard) => {
        if (heard.kind === 'failure') failures.push(heard.failure);
      });
      stops.push(() => load.stop());
      load.send({ kind: 'run', port: balancer.port, rate, apps });
      const begin = clock.monotonic();
      const passed = (): number => clock.monotonic() - begin;
      const memory: number[] = [];
      let away = false;
      let back = false;
      let [replaced, replacedWithoutBus, replacedAt] = [0, 0, 0];
      while (passed() < seconds * 1000 || replacedWithoutBus === 0) {
        await clock.sleep(100);
        memory.push(residentMb(first.process.pid));
        if (!away && passed() > outage.from) {
          away = true;
          await nats.stop();
        } else if (away && !back && passed() > outage.to && replacedWithoutBus > 0) {
          back = true;
          nats = await startNats({ port: nats.port });
        } else if (passed() - replacedAt > replaceMs) {
          const from = clock.now();
          await second.process.stop(30_000);
          drains.push({ from, to: clock.now() });
          await second.dir.remove();
          second = await router(1);
          replaced += 1;
          replacedWithoutBus += away && !back ? 1 : 0;
          replacedAt = passed();
        }
      }
      load.send({ kind: 'end' });
      const done = await load.heard((heard) => heard.kind === 'done');
      fleet.send({ kind: 'end' });
      const { actions, instances } = await fleet.heard((heard) => heard.kind === 'done');

      /**
       * A body that an instance had taken when it went, or that was on its way over a kept connection when the instance
       * or the router closed it, is nobody's to repeat.
       */
      const lostItsInstance = ({ app, from, to }: Failure): boolean =>
        gone.some((each) => each.app === app && each.at > from - marginMs && each.at < to + marginMs);
      const lostItsRouter = ({ from, to }: Failure): boolean =>
        drains.some((each) => each.to > from - marginMs && each.from < to + marginMs);
      const isExcused = (failure: Failure): boolean =>
        failure.method === 'POST' && (lostItsInstance(failure) || lostItsRouter(failure));
      const excused = failures.filter(isExcused);
      const savable = failures.filter((each) => !isExcused(each));
      const crashes = gone.filter(({ crashed }) => crashed);
      const early = Math.max(...memory.slice(0, Math.ceil(memory.length / 4)));
      const late = Math.max(...memory.slice(-Math.ceil(memory.length / 4)));
      process.stderr.write(
        `chaos on ${dataplane}: ${done.requests} requests in ${seconds} s (${done.skipped} not sent), ${actions} actions, ` +
          `${instances} instances, ${crashes.length} crashes, ${replaced} routers replaced (${replacedWithoutBus} without a bus), bus away ${Math.round((outage.to - outage.from) / 1000)} s: ` +
          `${done.wrong.length} wrong answers, ${savable.length} savable failures, ${excused.length} failed POSTs ` +
          `(${excused.filter(({ what }) => what === noRouterSaid).length} that no router answered), ` +
          `memory of the lasting router ${early} MB early, ${late} MB late\n`,
      );
      expect(done.wrong).toEqual([]);
      expect(savable).toEqual([]);
      expect(done.requests).toBeGreaterThan(0);
      expect(replacedWithoutBus).toBeGreaterThan(0);
      expect(late).toBeLessThan(early * 1.5 + 40);
    },
    (seconds + 120) * 1000,
  );
});

/** Of a router with its workers, whose shared pages count for each; nothing of one that has just ended. */
function residentMb(pid: number): number {
  const kb = /VmRSS:\s+(\d+)/.exec(textOf(`/proc/${pid}/status`))?.[1];
  const children = textOf(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean);
  return children.reduce((sum, each) => sum + residentMb(Number(each)), Math.round(Number(kb ?? 0) / 1024));
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
