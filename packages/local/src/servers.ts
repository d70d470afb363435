import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { systemClock } from '@vcap/clock';
import { findProgram } from './find-program.ts';
import type { ProcessSpec } from './managed-process.ts';
import { writePrivate } from './secrets.ts';

/** The private nats-server; its password is in a file of mode 0600, not among its arguments. */
export function natsSpec(home: string, port: number, password: string): ProcessSpec {
  const file = join(home, 'config', 'nats.conf');
  writePrivate(
    file,
    `listen: 127.0.0.1:${port}\nauthorization { user: vcap, password: ${JSON.stringify(password)} }\n`,
  );
  return {
    name: 'nats',
    argv: [findProgram('nats-server', 'nats-server'), '-c', file],
    logFile: join(home, 'logs', 'nats.log'),
    graceMs: 5000,
  };
}

/** The private redis-server: staging logs survive a restart of the cluster. */
export function redisSpec(home: string, port: number, password: string): ProcessSpec {
  const dir = join(home, 'redis');
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const file = join(home, 'config', 'redis.conf');
  writePrivate(
    file,
    `bind 127.0.0.1\nport ${port}\ndir ${JSON.stringify(dir)}\nrequirepass ${password}\nappendonly yes\nsave ""\n`,
  );
  return {
    name: 'redis',
    argv: [findProgram('redis-server', 'redis-server'), file],
    logFile: join(home, 'logs', 'redis.log'),
    graceMs: 5000,
  };
}

/** Resolves once something accepts connections on the port of loopback; throws after `timeoutMs`. */
export async function waitForPort(name: string, port: number, timeoutMs: number): Promise<void> {
  const end = systemClock.monotonic() + timeoutMs;
  while (!(await accepts(port))) {
    if (systemClock.monotonic() > end)
      throw new Error(`${name} did not listen on port ${port} in ${timeoutMs / 1000} s`);
    await systemClock.sleep(20);
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const done = (ok: boolean): void => {
      socket.destroy();
      resolve(ok);
    };
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
  });
}
