import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Bus, newTrace, stagingAdvertise, stagingStart } from '@vcap/bus';
import type { StagingAdvertise } from '@vcap/bus';
import { systemClock } from '@vcap/clock';
import { startNats, startProcess, tempDir } from '@vcap/testkit';
import type { NatsServer } from '@vcap/testkit';
import { pino } from 'pino';
import { startController } from './support/controller.ts';
import type { Controller } from './support/controller.ts';
import { eventually } from './support/eventually.ts';
import { describeWithEach } from './support/isolations.ts';
import { leftOf, processesWith } from './support/machine.ts';
import { zipScripted } from './support/scripted-app.ts';
import { startMessage, startStager } from './support/stager.ts';

const MARK = `31338.${process.pid}`;
const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

describeWithEach('a stager killed in the middle of a staging', (isolation) => {
  let dir: Awaited<ReturnType<typeof tempDir>>;
  let nats: NatsServer;
  let controller: Controller;
  let bus: Bus;
  beforeEach(async () => {
    dir = await tempDir('stager-crash');
    nats = await startNats();
    await mkdir(join(dir.path, 'controller'));
    controller = await startController(join(dir.path, 'controller'));
    controller.zip = join(dir.path, 'app.zip');
    bus = new Bus({ servers: [nats.url], name: 'c', log: pino({ level: 'silent' }), clock: systemClock });
    await bus.start();
  });
  afterEach(async () => {
    await bus.stop();
    await controller.stop();
    await nats.stop();
    await dir.remove();
  });

  test('leaves nothing when the next one has started', async () => {
    const base = join(dir.path, 'base');
    const config = { mbus: nats.url, isolation, base_dir: base, cache_dir: join(dir.path, 'cache') };
    await writeFile(join(dir.path, 'stager.yml'), JSON.stringify(config));
    const over = new AbortController();
    const adverts: StagingAdvertise[] = [];
    bus.subscribe(stagingAdvertise, (advert) => void adverts.push(advert));
    const child = await startProcess({
      argv: [process.execPath, '--conditions=source', MAIN, '--config', join(dir.path, 'stager.yml')],
    });
    try {
      const advert = await eventually(() => adverts.at(-1));
      expect(advert.isolation).toBe(isolation);
      await zipScripted(dir.path, controller.zip, `setsid sleep ${MARK} & sleep ${MARK}`);
      const asked = bus.requestStream(stagingStart.for(advert.id), startMessage(controller), {
        timeoutMs: 50_000,
        trace: newTrace(),
        signal: over.signal,
        onReply: () => 'more',
      });
      asked.catch(() => undefined);
      await eventually(async () => (await processesWith(`sleep ${MARK}`)).length >= 2);
    } finally {
      await child.kill();
      over.abort();
    }
    expect((await leftOf(base)).length).toBeGreaterThan(1);
    const next = await startStager({ natsUrl: nats.url, dir: dir.path, config: { isolation } });
    try {
      expect(await processesWith(`sleep ${MARK}`)).toEqual([]);
      expect(next.lines.map(({ event }) => event)).toContain('stale-workspaces-removed');
    } finally {
      await next.stop();
    }
    expect(await leftOf(base)).toEqual([]);
  });
});
