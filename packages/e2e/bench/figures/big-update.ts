import { createBigApp } from '../../test/support/big-app.ts';
import type { Platform } from '../../test/support/platform.ts';
import { SentBytes } from '../../test/support/sent-bytes.ts';
import { untilAnswer } from '../support/first-answer.ts';
import { floorOfStart, newestDroplet } from '../support/floor.ts';
import { epochMs, loggedPhases } from '../support/log-events.ts';
import type { Figure } from '../support/report.ts';
import { median } from '../support/statistics.ts';
import { timedVmc } from '../support/timed-vmc.ts';
import type { Phase } from '../support/timed-vmc.ts';

const name = 'big';

/** `vmc update` of 100 MB in 5,000 files with one file changed, from the command to the first 200 with it. */
export async function measureBigUpdate(platform: Platform, rounds: number): Promise<Figure> {
  const app = await createBigApp();
  try {
    const firstMs = await firstPush(platform, app.path);
    const runs: number[] = [];
    const bytes: number[] = [];
    const floors: number[] = [];
    const phases: Phase[][] = [];
    const sent = new SentBytes(platform);
    for (let round = 0; round < rounds; round++) {
      const content = await app.change();
      await sent.reset();
      const beganAtMs = epochMs();
      const place = { port: platform.port, host: `${name}.${platform.domain}` };
      const answered = untilAnswer(place, (body) => body === content);
      const command = timedVmc(platform, ['update', name, '--path', app.path, '-n']);
      const [answeredMs, steps] = await Promise.all([answered, command]);
      runs.push(answeredMs);
      phases.push([...steps, ...(await loggedPhases(platform, beganAtMs))]);
      bytes.push((await sent.since()).reduce((sum, each) => sum + each.bytes, 0));
      floors.push(await floorOfStart(await newestDroplet(platform)));
    }
    await platform.ok('delete', name, '-n');
    return {
      title: '(b) second push of 100 MB in 5,000 files with one file changed, to the first 200 with it',
      unit: 'ms',
      runs,
      floor: { what: 'unpack, start and first 200 by hand', runs: floors },
      phases,
      notes: [`bytes sent: ${bytes.join(' ')}`, `the first push took ${firstMs.toFixed(0)} ms`],
      targets: [
        { value: median(runs), target: { text: 'at most 5000 ms', most: 5000 } },
        { value: median(bytes), target: { text: 'under 200,000 bytes sent', most: 199_999 } },
      ],
    };
  } finally {
    await app.remove();
  }
}

async function firstPush(platform: Platform, path: string): Promise<number> {
  const place = { port: platform.port, host: `${name}.${platform.domain}` };
  const answered = untilAnswer(place, undefined, { timeoutMs: 180_000 });
  const [tookMs] = await Promise.all([
    answered,
    timedVmc(platform, ['push', name, '--path', path, '--mem', '128M', '-n']),
  ]);
  return tookMs;
}
