import { systemClock } from './clock.ts';
import { onInterrupt, runProgram } from './terminal.ts';
import { runVmc } from './run.ts';

// A reader that went away (`vmc logs app | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const { env, stdin, stdout, stderr } = process;
const status = await runVmc(process.argv.slice(2), {
  env,
  cwd: process.cwd(),
  stdin,
  stdout,
  stderr,
  clock: systemClock,
  onInterrupt,
  run: runProgram,
});
// Node.js 24 was seen to turn for ever in its own clean-up, at an end that it came to by itself. So: once all is printed.
await Promise.all([stdout, stderr].map((out) => new Promise((resolve) => out.write('', resolve))));
process.exit(status);
