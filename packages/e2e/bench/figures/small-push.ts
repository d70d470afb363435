import { samplePath } from '@vcap/samples';
import type { Platform } from '../../test/support/platform.ts';
import { untilAnswer } from '../support/first-answer.ts';
import { floorOfStart, newestDroplet } from '../support/floor.ts';
import { epochMs, loggedPhases } from '../support/log-events.ts';
import type { Figure } from '../support/report.ts';
import { median } from '../support/statistics.ts';
import { timedVmc } from '../support/timed-vmc.ts';
import type { Phase } from '../support/timed-vmc.ts';

/** `vmc push` of a small Node.js application without dependencies, from the command to its first 200. */
export async function measureSmallPush(platform: Platform, rounds: number): Promise<Figure> {
  const runs: number[] = [];
  const floors: number[] = [];
  const phases: Phase[][] = [];
  for (let round = 0; round < rounds; round++) {
    const name = `small-${round}`;
    const beganAtMs = epochMs();
    const answered = untilAnswer({ port: platform.port, host: `${name}.${platform.domain}` });
    const command = timedVmc(platform, ['push', name, '--path', samplePath('node-hello'), '-n']);
    const [answeredMs, steps] = await Promise.all([answered, command]);
    runs.push(answeredMs);
    phases.push([...steps, ...(await loggedPhases(platform, beganAtMs))]);
    floors.push(await floorOfStart(await newestDroplet(platform)));
    await platform.ok('delete', name, '-n');
  }
  return {
    title: '(a) push of a small Node.js application to its first 200',
    unit: 'ms',
    runs,
    floor: { what: 'unpack, start and first 200 by hand', runs: floors },
    phases,
    targets: [
      { value: median(runs), target: { text: 'at most 2000 ms', most: 2000 } },
      { value: median(runs) / median(floors), target: { text: 'at most 4 x the floor', most: 4 } },
    ],
  };
}
