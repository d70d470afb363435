/**
 * Runs the suites of faults again and again (`pnpm --filter @vcap/mysql-node rounds 20`): a fault that is met once in ten
 * rounds is one that a customer meets. Prints each round and stops at the first failure, with what the suite said.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { systemClock } from '@vcap/clock';

const root = join(import.meta.dirname, '../../..');
const suites: [folder: string, names: string[]][] = [
  ['services/mysql-node', ['crash', 'load-crash', 'hostile', 'quota', 'server-restart', 'conformance']],
  ['services/mysql-gateway', ['cluster']],
  ['packages/service-base', ['outages', 'replies', 'conformance']],
];

/** The suites' exit code; what they say goes to `output`. */
function run(folder: string, names: string[], output: string[]): Promise<number | null> {
  const files = names.map((name) => `test/${name}.test.ts`);
  const jest = spawn('jest', ['--runInBand', ...files], {
    cwd: join(root, folder),
    env: { ...process.env, NODE_OPTIONS: '--experimental-vm-modules', NODE_NO_WARNINGS: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [jest.stdout, jest.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => output.push(text));
  return new Promise((resolve, reject) => {
    jest.once('error', reject);
    jest.once('close', resolve);
  });
}

const rounds = Number(process.argv[2] ?? 20);
for (let round = 1; round <= rounds; round++) {
  const began = systemClock.monotonic();
  for (const [folder, names] of suites) {
    const output: string[] = [];
    const code = await run(folder, names, output);
    if (code === 0) continue;
    process.stdout.write(`${output.join('')}\nround ${round} of ${rounds}: ${folder} failed\n`);
    process.exit(1);
  }
  const seconds = Math.round((systemClock.monotonic() - began) / 1000);
  process.stdout.write(`round ${round} of ${rounds}: passed in ${seconds} s\n`);
}
