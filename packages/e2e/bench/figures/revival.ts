import { samplePath } from '@vcap/samples';
import { waitFor } from '@vcap/testkit';
import type { Platform } from '../../test/support/platform.ts';
import { untilAnswer } from '../support/first-answer.ts';
import { floorOfStart, newestDroplet } from '../support/floor.ts';
import { instancePids } from '../support/processes.ts';
import type { Figure } from '../support/report.ts';
import { median } from '../support/statistics.ts';

/** The only instance is killed with -9: how long until its successor answers through the router. */
export async function measureRevival(platform: Platform, rounds: number): Promise<Figure> {
  const runs: number[] = [];
  const floors: number[] = [];
  for (let round = 0; round < rounds; round++) {
    // An application of its own per run: one that crashes again and again is started later each time.
    const name = `killed-${round}`;
    const place = { port: platform.port, host: `${name}.${platform.domain}` };
    await platform.ok('push', name, '--path', samplePath('node-hello'), '-n');
    let before = '';
    await untilAnswer(place, (body) => (before = body) !== '');
    const pid = await waitFor(async () => (await instancePids(platform, 'node'))[0]);
    process.kill(pid, 'SIGKILL');
    runs.push(await untilAnswer(place, (body) => body !== before));
    floors.push(await floorOfStart(await newestDroplet(platform)));
    await platform.ok('delete', name, '-n');
    await waitFor(async () => (await instancePids(platform, 'node')).length === 0, { timeoutMs: 20_000 });
  }
  return {
    title: '(c) the only instance killed with -9, to the next 200',
    unit: 'ms',
    runs,
    floor: { what: 'unpack, start and first 200 by hand', runs: floors },
    targets: [{ value: median(runs), target: { text: 'at most 1500 ms', most: 1500 } }],
  };
}
