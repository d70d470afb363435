import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '@vcap/clock';
import { samplePath } from '@vcap/samples';
import { startNats, tempDir } from '@vcap/testkit';
import { startController } from '../test/support/controller.ts';
import { startMessage, startStager } from '../test/support/stager.ts';
import { zipDirectory } from '../test/support/zips.ts';

/**
 * How long a staging of node-hello takes, from the start message to the second reply, one after the other with a rest in
 * between: `node --conditions=source bench/staging.ts '{"isolation":"runc"}'`, with more of the configuration as needed.
 */
const ROUNDS = 30;
const REST_MS = Number(process.env['REST_MS'] ?? 500);
const config = JSON.parse(process.argv[2] ?? '{}') as Parameters<typeof startStager>[0]['config'];
const dir = await tempDir('stager-bench');
await chmod(dir.path, 0o711);
const nats = await startNats();
await mkdir(join(dir.path, 'controller'));
const controller = await startController(join(dir.path, 'controller'));
controller.zip = join(dir.path, 'app.zip');
await zipDirectory(samplePath('node-hello'), controller.zip);
const stager = await startStager({ natsUrl: nats.url, dir: dir.path, ...(config ? { config } : {}) });
const times: number[] = [];
for (let round = 0; round < ROUNDS; round += 1) {
  await systemClock.sleep(REST_MS);
  const began = performance.now();
  const reply = await stager.stage(startMessage(controller, { taskId: `task-${round}` })).done;
  times.push(performance.now() - began);
  if (reply.error) throw new Error(`${reply.error}: ${reply.task_log}`);
}
times.sort((a, b) => a - b);
const at = (share: number): number => Math.round(times[Math.floor(share * times.length)] ?? 0);
process.stdout.write(`${JSON.stringify({ config, min: at(0), median: at(0.5), p90: at(0.9) })}\n`);
await stager.stop();
await controller.stop();
await nats.stop();
await dir.remove();
