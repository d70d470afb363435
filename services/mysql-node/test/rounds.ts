/**
 * Runs the suites of faults again and again: `pnpm --filter @vcap/mysql-node rounds 20`, or only those of some folders:
 * `rounds 20 mysql-node service-base`. A fault that shows once in ten rounds is one that a user meets. Prints each round
 * and stops at the first failure, with what the suite said.
 */
import { spawn } from 'node:child_process';
import { basename, join } from 'node:path';
import { systemClock } from '@vcap/clock';

const root = join(import.meta.dirname, '../../..');
const suites: [folder: string, names: string[]][] = [
  ['services/mysql-node', ['crash', 'load-crash', 'hostile', 'quota', 'server-restart']],
  ['services/mysql-gateway', ['cluster']],
  ['packages/service-base', ['outages', 'replies', 'conformance']],
];

/** The suite's exit code; what it says goes to `output`. */
function run(folder: string, name: string, output: string[]): Promise<number | null> {
  const jest = spawn('jest', [`test/${name}.test.ts`], {
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

const [rounds = '20', ...folders] = process.argv.slice(2);
const wanted = suites.filter(([folder]) => folders.length === 0 || folders.includes(basename(folder)));
for (let round = 1; round <= Number(rounds); round++) {
  process.stdout.write(`round ${round} of ${rounds}:`);
  for (const [folder, names] of wanted) {
    for (const name of names) {
      const began = systemClock.monotonic();
      const output: string[] = [];
      const code = await run(folder, name, output);
      process.stdout.write(` ${name} ${Math.round((systemClock.monotonic() - began) / 1000)} s`);
      if (code === 0) continue;
      process.stdout.write(`, failed\n${output.join('')}`);
      process.exit(1);
    }
  }
  process.stdout.write('\n');
}
