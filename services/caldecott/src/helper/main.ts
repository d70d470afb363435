import { systemClock } from '@vcap/clock';
import { createHelper } from './helper.ts';
import { release } from './release.ts';

const log = (event: object): void => {
  process.stdout.write(`${JSON.stringify({ time: new Date(systemClock.now()).toISOString(), ...event })}\n`);
};

try {
  const server = createHelper({ env: process.env, clock: systemClock, release, log });
  const stop = (): void => void server.stop().then(() => process.exit(0));
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  server.start().then(
    () => log({ event: 'ready', port: server.port, release }),
    (error: Error) => fail(error),
  );
} catch (error) {
  fail(error as Error);
}

function fail(error: Error): void {
  process.stderr.write(`caldecott: ${error.message}\n`);
  process.exitCode = 1;
}
