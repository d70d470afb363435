/**
 * Instances of applications that come and go at random, in a process of their own. They register as a DEA's do; which is
 * never touched is one that every router has had time to hear of, so that each application can always be served.
 */
import { Bus, routerRegister, routerStart, routerUnregister } from '@vcap/bus';
import { systemClock as clock } from '@vcap/clock';
import { silentLogger } from '@vcap/component';
import { PortPool } from './ports.ts';
import { startInstance } from './instance.ts';
import { startWitness } from './witness.ts';
import type { Instance } from './instance.ts';
import type { FromFleet, ToFleet } from './messages.ts';

const appCount = 10;
const fewest = 2;
const most = 4;
/** Until all routers know an instance, and their snapshots too. */
const settleMs = 3000;
const graceMs = 1000;
const cooldownMs = 5000;

const live = new Map<string, Instance[]>();
const ports = new PortPool(clock, cooldownMs);
let bus: Bus | undefined;
let identityPort = 0;
let nextId = 0;
const state = { over: false };
const tell = (message: FromFleet): void => void process.send?.(message);
const pickOne = <T>(from: readonly T[]): T => from[Math.floor(Math.random() * from.length)] as T;
const message = ({ app, id, port }: Instance): Parameters<typeof register>[0] => ({
  host: '127.0.0.1',
  port,
  uris: [`${app}.chaos.test`],
  app,
  private_instance_id: id,
  tags: {},
  dea: 'fleet',
  identity_port: identityPort,
});

function register(of: {
  host: string;
  port: number;
  uris: string[];
  app: string;
  private_instance_id: string;
  tags: Record<string, string>;
  dea: string;
  identity_port: number;
}): void {
  bus?.publish(routerRegister, of);
}

function announce(instance: Instance): void {
  if (bus?.connected !== true) return;
  instance.knownSince ??= clock.monotonic();
  register(message(instance));
}

async function start(app: string): Promise<void> {
  nextId += 1;
  const port = await ports.take();
  const instance = await startInstance(app, `${app}-${nextId}`, port);
  if (instance === undefined) return ports.release(port);
  (live.get(app) as Instance[]).push(instance);
  announce(instance);
}

function leave(instance: Instance): void {
  const list = live.get(instance.app) as Instance[];
  list.splice(list.indexOf(instance), 1);
}

/** In order: no new requests, then what runs is finished. */
async function stop(instance: Instance): Promise<void> {
  leave(instance);
  if (bus?.connected === true) bus.publish(routerUnregister, message(instance));
  await clock.sleep(graceMs);
  tell({ kind: 'gone', app: instance.app, at: clock.now(), crashed: false });
  await instance.finish();
  ports.release(instance.port);
}

/** At once; the word that it is gone comes late, or is lost. */
async function crash(instance: Instance): Promise<void> {
  tell({ kind: 'gone', app: instance.app, at: clock.now(), crashed: true });
  leave(instance);
  instance.crash();
  await clock.sleep(Math.random() * 100);
  if (bus?.connected === true && Math.random() < 0.7) bus.publish(routerUnregister, message(instance));
  ports.release(instance.port);
}

async function act(): Promise<void> {
  const app = pickOne([...live.keys()]);
  const list = live.get(app) as Instance[];
  const now = clock.monotonic();
  const settled = list.filter(({ knownSince }) => knownSince !== undefined && now - knownSince > settleMs);
  // The one that has been known longest stays.
  const victims = list.filter((each) => each !== settled[0]);
  if (list.length < fewest || (list.length < most && Math.random() < 0.4)) return start(app);
  if (settled.length === 0 || victims.length === 0) return;
  const victim = pickOne(victims);
  const what = pickOne(['stop', 'crash', 'move'] as const);
  if (what === 'crash') return crash(victim);
  await Promise.all([stop(victim), what === 'move' ? start(app) : undefined]);
}

async function run({ mbus, intervalMs, registerMs }: Extract<ToFleet, { kind: 'run' }>): Promise<void> {
  bus = new Bus({ servers: [mbus], name: 'fleet', log: silentLogger, clock, pingIntervalMs: 500 });
  await bus.start();
  for (let i = 0; i < appCount; i += 1) live.set(`app${i}`, []);
  const all = (): Instance[] => [...live.values()].flat();
  identityPort = await startWitness((port, id) => all().some((each) => each.port === port && each.id === id));
  bus.subscribe(routerStart, () => all().forEach(announce));
  await Promise.all([...live.keys()].flatMap((app) => [start(app), start(app), start(app)]));
  clock.setInterval(() => all().forEach(announce), registerMs);
  tell({ kind: 'ready', apps: [...live.keys()] });
  let actions = 0;
  while (!state.over) {
    await clock.sleep(intervalMs * (0.5 + Math.random()));
    actions += 1;
    void act();
  }
  tell({ kind: 'done', actions, instances: nextId });
}

process.on('message', (heard) => {
  const asked = heard as ToFleet;
  if (asked.kind === 'run') void run(asked);
  else state.over = true;
});
process.on('disconnect', () => process.exit(0));
