import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';

const program = fileURLToPath(new URL('../../../../services/dea/bench/main.ts', import.meta.url));
const result = z.looseObject({ core_percent: z.number(), dea_mb_per_instance: z.number() });

/** What so many idle instances in containers cost a DEA: the bench of that service, which prints one line of JSON. */
export async function idleInstances(count: number): Promise<z.infer<typeof result>> {
  const node = ['--conditions=source', '--disable-warning=ExperimentalWarning'];
  const { stdout } = await promisify(execFile)(process.execPath, [...node, program, String(count), 'runc']);
  return result.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''));
}
