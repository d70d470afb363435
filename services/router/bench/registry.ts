import { systemClock as clock } from '@vcap/clock';
import { connect } from 'node:net';
import { startBenchRouter, frame } from './router.ts';
import { cpuMicros, residentKb, tree } from './tools.ts';

/** What became of a flood of registrations. */
export interface RegistryFigures {
  readonly routes: number;
  readonly sent: number;
  readonly received: number;
  /** Share of a core that the registry's process used. */
  readonly core: number;
  readonly registryMb: number;
  readonly workerMb: number;
  /** Milliseconds for a request while all this went on: the median and the slowest of 100. */
  readonly p50: number;
  readonly p99: number;
}

/** Registers so many routes, then repeats them at so many messages a second for a while. */
export async function registryLoad(
  routes: number,
  perSecond: number,
  seconds: number,
): Promise<RegistryFigures> {
  const router = await startBenchRouter({ accessLog: false });
  const messages = Array.from({ length: routes }, (_each, i) => ({
    dea: `${i % 2500}`,
    app: `app-${i}`,
    host: `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`,
    port: 61_000,
    uris: [`application-${i}.example.test`],
    tags: { component: `dea-${i % 200}` },
    private_instance_id: `${i}`.padStart(32, '0'),
  }));
  try {
    for (let at = 0; at < routes; at += 5000) await router.register(messages.slice(at, at + 5000));
    await until(async () => (await router.varz())['urls'] === routes);
    const worker = tree(router.pid).filter((pid) => pid !== router.pid);
    const socket = connect(router.nats.port, '127.0.0.1');
    socket.write('CONNECT {"verbose":false}\r\n');
    socket.resume();
    const before = Number((await router.varz())['registers_received']);
    const cpu = cpuMicros([router.pid]);
    const started = performance.now();
    const times: number[] = [];
    let sent = 0;
    const end = started + seconds * 1000;
    while (performance.now() < end) {
      const due = Math.floor(((performance.now() - started) / 1000) * perSecond);
      let text = '';
      for (; sent < due; sent += 1) text += frame(messages[sent % routes]!);
      socket.write(text);
      const asked = performance.now();
      await (
        await fetch(`http://127.0.0.1:${router.port}/`, { headers: { connection: 'keep-alive' } })
      ).text();
      times.push(performance.now() - asked);
      await clock.sleep(10);
    }
    const took = performance.now() - started;
    await until(async () => Number((await router.varz())['registers_received']) - before >= sent).catch(
      () => undefined,
    );
    const core = (cpuMicros([router.pid]) - cpu) / 1000 / took;
    const received = Number((await router.varz())['registers_received']) - before;
    socket.destroy();
    times.sort((a, b) => a - b);
    return {
      routes,
      sent,
      received,
      core,
      registryMb: residentKb([router.pid]) / 1024,
      workerMb: residentKb(worker) / 1024 / Math.max(1, worker.length),
      p50: times[Math.floor(times.length / 2)] ?? 0,
      p99: times[Math.floor(times.length * 0.99)] ?? 0,
    };
  } finally {
    await router.stop();
  }
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 60_000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error('it did not come true within a minute');
    await clock.sleep(200);
  }
}
