import {
  Bus,
  deaAdvertise,
  deaFindDroplet,
  deaHeartbeat,
  deaInstanceStart,
  deaLocate,
  deaStop,
  deaUpdate,
  healthmanagerStatus,
} from '@vcap/bus';
import type {
  FindDroplet,
  FindDropletReply,
  HeartbeatEntry,
  StartMessage,
  StopFilter,
  Subject,
} from '@vcap/bus';
import { systemClock } from '@vcap/clock';
import { silentLogger } from '@vcap/component';
import { startNats, waitFor } from '@vcap/testkit';
import { z } from 'zod';
import { createInstances } from '../../../src/instances/index.ts';
import { appRecord, OneApp } from './app-record.ts';
import { ShiftedClock } from './shifted-clock.ts';

/** The controller's part under test, and a peer that plays DEAs and the health manager, on a real nats-server. */
export async function startCluster() {
  const nats = await startNats();
  const clock = new ShiftedClock();
  const options = { servers: [nats.url], log: silentLogger, clock: systemClock };
  const bus = new Bus({ ...options, name: 'controller' });
  const peer = new Bus({ ...options, name: 'peer' });
  await bus.start();
  await peer.start();
  const store = new OneApp(appRecord(), clock);
  const made = createInstances({
    bus,
    clock,
    log: silentLogger,
    store,
    baseUrl: () => 'http://192.0.2.1:9022',
  });
  const seen = {
    starts: [] as (StartMessage & { dea: string })[],
    stops: [] as StopFilter[],
    finds: [] as FindDroplet[],
    updates: [] as unknown[],
    statusQueries: 0,
  };
  /** What DEAs answer to `dea.find.droplet`. */
  const world: {
    found: Partial<FindDropletReply>[];
    flapping: { index: number; since: number }[];
    adverts: string[];
  } = {
    found: [],
    flapping: [],
    adverts: ['dea-1'],
  };
  const advertise = (id: string): void =>
    peer.publish(deaAdvertise, {
      id,
      stacks: ['linux'],
      available_memory: 4096,
      available_disk: 4096,
      app_id_to_count: {},
      runtimes: [{ name: 'node24', version: '24', description: '' }],
    });
  peer.subscribe(deaInstanceStart, (message, { subject }) => {
    seen.starts.push({ ...message, dea: subject.split('.')[1] ?? '' });
  });
  peer.subscribe(deaStop, (filter) => void seen.stops.push(filter));
  peer.subscribe(deaUpdate, (update) => void seen.updates.push(update));
  peer.subscribe(deaLocate, () => world.adverts.forEach(advertise));
  peer.subscribe(deaFindDroplet, (query, { reply }) => {
    seen.finds.push(query);
    for (const each of world.found) {
      const meant = each.instance === undefined || query.instances?.includes(each.instance) !== false;
      if (meant) reply?.({ ...found, ...each });
    }
  });
  peer.subscribe(healthmanagerStatus, (_query, { reply }) => {
    seen.statusQueries++;
    if (world.flapping.length > 0) reply?.({ indices: world.flapping });
  });
  for (const [to, name] of [
    [bus, 'controller'],
    [peer, 'peer'],
  ] as const) {
    to.subscribe(echoOf(name), (_message, { reply }) => reply?.({}));
  }
  await settled(peer, bus);
  await made.member.start();
  await settled(peer, bus);
  return {
    ...made,
    store,
    seen,
    world,
    clock,
    nats,
    bus,
    peer,
    advertise,
    /** Sends as the peer and waits until the controller has heard it. */
    async tell<T>(subject: Subject<T>, message: T): Promise<void> {
      peer.publish(subject, message);
      await settled(peer, bus);
    },
    beat: (droplets: HeartbeatEntry[]) => settledBeat(peer, bus, droplets),
    /** Everything that was sent before has arrived on both sides. */
    settled: () => settled(peer, bus),
    async stop(): Promise<void> {
      await made.member.stop();
      await bus.stop();
      await peer.stop();
      await nats.stop();
    },
  };
}
export type Cluster = Awaited<ReturnType<typeof startCluster>>;

async function settledBeat(peer: Bus, bus: Bus, droplets: HeartbeatEntry[]): Promise<void> {
  peer.publish(deaHeartbeat, { dea: 'dea-1', droplets });
  await settled(peer, bus);
}

function echoOf(name: string): Subject<unknown> {
  return {
    name: `test.echo.${name}`,
    publishers: ['tools'],
    listeners: ['tools'],
    when: 'in tests',
    schema: z.unknown(),
  };
}

/** Messages of one connection keep their order: a round trip each way shows that those before it have come. */
async function settled(peer: Bus, bus: Bus): Promise<void> {
  const trip = (from: Bus, to: string) =>
    waitFor(async () => (await from.request(echoOf(to), {}, { timeoutMs: 50 })).length > 0);
  await trip(peer, 'controller');
  await trip(bus, 'peer');
}

/** A complete answer of a DEA; tests change what they are about. */
export const found: FindDropletReply = {
  dea: 'dea-1',
  droplet: 'app-1',
  version: 'v1',
  instance: 'i-1',
  index: 0,
  state: 'RUNNING',
  state_timestamp: 100.5,
};

export function entry(change: Partial<HeartbeatEntry> = {}): HeartbeatEntry {
  return {
    droplet: 'app-1',
    version: 'v1',
    instance: 'i-1',
    index: 0,
    state: 'RUNNING',
    state_timestamp: 5.5,
    cc_partition: 'default',
    ...change,
  };
}
