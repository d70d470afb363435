import type { Handle } from '@vcap/service-api';
import { createConnection } from 'mysql2/promise';
import type { Connection } from 'mysql2/promise';
import type { Platform } from '../../test/support/platform.ts';
import { offered, serverOf, tracesOn } from '../../test/support/service-cluster.ts';
import { Gateway } from '../support/gateway.ts';
import type { Figure } from '../support/report.ts';
import { median } from '../support/statistics.ts';
import { ms } from '../support/stopwatch.ts';
import { manyInstances, snapshots } from './service-data.ts';

const calls = 20;
const atOnce = 200;

/** What creating, binding, crowds, many instances and snapshots of MySQL cost, all at its gateway. */
export async function measureServices(platform: Platform, rounds: number): Promise<Figure[]> {
  await offered(platform, 'mysql');
  const gateway = await Gateway.of(platform);
  return [
    ...(await createAndBind(platform, gateway)),
    await crowd(platform, gateway),
    ...(await snapshots(platform, gateway)),
    ...(await manyInstances(rounds < 10 ? 500 : 5000)),
  ];
}

async function createAndBind(platform: Platform, gateway: Gateway): Promise<Figure[]> {
  const [creates, binds, floors]: [number[], number[], number[]] = [[], [], []];
  const made: Handle[] = [];
  const server = await createConnection(serverOf(platform));
  for (let call = 0; call < calls; call++) {
    creates.push(await ms(async () => void made.push(await gateway.provision('free'))));
    binds.push(await ms(() => gateway.client.bind(made.at(-1)?.service_id ?? '')));
    floors.push(await ms(() => byHand(server, `b${call}`)));
    await server.query(`DROP DATABASE b${call}`);
    await server.query(`DROP USER b${call}`);
  }
  server.destroy();
  for (const { service_id } of made) await gateway.client.unprovision(service_id);
  const floor = { what: 'the statements by hand, with an account', runs: floors };
  return [
    {
      title: 'create-service at the gateway',
      unit: 'ms',
      runs: creates,
      floor,
      targets: [{ value: median(creates), target: { text: 'at most 300 ms', most: 300 } }],
    },
    {
      title: 'bind-service at the gateway',
      unit: 'ms',
      runs: binds,
      targets: [{ value: median(binds), target: { text: 'at most 200 ms', most: 200 } }],
    },
  ];
}

async function byHand(server: Connection, name: string): Promise<void> {
  await server.query(`CREATE DATABASE ${name}`);
  await server.query(`CREATE USER ${name} IDENTIFIED BY 'by hand'`);
  await server.query(`GRANT ALL ON ${name}.* TO ${name}`);
}

async function crowd(platform: Platform, gateway: Gateway): Promise<Figure> {
  let answers: PromiseSettledResult<Handle>[] = [];
  const took = await ms(async () => {
    answers = await Promise.allSettled(Array.from({ length: atOnce }, () => gateway.provision('free')));
  });
  const made = answers.flatMap((each) => (each.status === 'fulfilled' ? [each.value.service_id] : []));
  const there = (await tracesOn(serverOf(platform))).filter((name) => /^d[0-9a-f]{32}$/.test(name));
  const lost = there.filter((name) => !made.includes(name)).length + (atOnce - made.length);
  for (const id of made) await gateway.client.unprovision(id);
  return {
    title: `${atOnce} creations at once on one node`,
    unit: 'ms for all',
    runs: [took],
    notes: [
      `${made.length} made, ${new Set(made).size} different ones, ${there.length} databases on the server`,
    ],
    targets: [{ value: lost, target: { text: 'none refused, lost or doubled', most: 0 } }],
  };
}
