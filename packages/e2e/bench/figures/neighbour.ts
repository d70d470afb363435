import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { samplePath } from '@vcap/samples';
import type { Platform } from '../../test/support/platform.ts';
import { get, untilAnswer } from '../support/first-answer.ts';
import type { Place } from '../support/first-answer.ts';
import type { Figure } from '../support/report.ts';

const deeds = ['spin', 'forks', 'flood', 'bytes', 'memory'];
const seconds = 10;
const pauseMs = 5;

/** The p99 of an application's answers while a hostile one beside it does each of its worst, over its quiet p99. */
export async function measureNeighbour(platform: Platform): Promise<Figure> {
  const push = (sample: 'node-hello' | 'hostile', ...more: string[]): Promise<string> =>
    platform.ok('push', sample, '--path', samplePath(sample), '-n', ...more);
  await push('node-hello', '--mem', '256M');
  await push('hostile', '--mem', '256M');
  const place = (app: string): Place => ({
    port: platform.port,
    host: `${app}.${platform.domain}`,
  });
  const neighbour = place('node-hello');
  await untilAnswer(neighbour);
  await sleep(5000);
  const quiet = await ask(neighbour);
  const notes: string[] = [];
  const runs: number[] = [];
  let lost = quiet.lost;
  for (const deed of deeds) {
    await untilAnswer(place('hostile'));
    await platform.get('hostile', `/${deed}`);
    const during = await ask(neighbour);
    runs.push(during.p99);
    lost += during.lost;
    notes.push(`${deed}: p99 ${during.p99.toFixed(1)} ms of ${during.calls} requests`);
    await platform.ok('restart', 'hostile');
  }
  return {
    title: `(containers) p99 of a neighbour while a hostile application does ${deeds.join(', ')}`,
    unit: 'ms',
    runs,
    floor: { what: 'its quiet p99', runs: [quiet.p99] },
    notes,
    targets: [
      { value: Math.max(...runs) / quiet.p99, target: { text: 'at most 2 x the quiet p99', most: 2 } },
      { value: lost, target: { text: 'no request fails', most: 0 } },
    ],
  };
}

/** Asks one by one for some seconds. */
async function ask(place: Place): Promise<{ p99: number; calls: number; lost: number }> {
  const agent = new Agent({ keepAlive: true });
  const took: number[] = [];
  let lost = 0;
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    const began = performance.now();
    const answer = await get(agent, place);
    took.push(performance.now() - began);
    if (answer?.status !== 200) lost += 1;
    await sleep(pauseMs);
  }
  agent.destroy();
  took.sort((a, b) => a - b);
  return { p99: took[Math.floor(took.length * 0.99)] ?? Number.NaN, calls: took.length, lost };
}
