import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, closeSync } from 'node:fs';
import { connect } from 'node:net';
import { findBinary } from '@vcap/testkit';
import { createConnection } from 'mysql2/promise';

const MB = 1_000_000;

/** Milliseconds of each of `rounds` `SELECT 1` on one connection. */
export async function selectLatency(port: number, rounds: number): Promise<number[]> {
  const connection = await createConnection({ host: '127.0.0.1', port, user: 'root' });
  const times: number[] = [];
  for (let round = 0; round < rounds + 20; round += 1) {
    const began = performance.now();
    await connection.query('SELECT 1');
    if (round >= 20) times.push(performance.now() - began);
  }
  await connection.end();
  return times;
}

/** MB/s of `bytes` from a server that sends until it is enough. */
export async function download(port: number, bytes: number): Promise<number> {
  const began = performance.now();
  const socket = connect({ host: '127.0.0.1', port });
  let left = bytes;
  socket.on('data', (piece) => (left -= piece.length) <= 0 && socket.destroy());
  await once(socket, 'close');
  return rate(bytes, began);
}

/** MB/s of `bytes` to a server that takes all and closes at the end. */
export async function upload(port: number, bytes: number): Promise<number> {
  const began = performance.now();
  const socket = connect({ host: '127.0.0.1', port });
  socket.resume();
  const piece = Buffer.alloc(256 * 1024, 'x');
  for (let left = bytes; left > 0; left -= piece.length)
    if (!socket.write(piece)) await once(socket, 'drain');
  socket.end();
  await once(socket, 'close');
  return rate(bytes, began);
}

/** MB/s of a `mysqldump` into a file of `bytes`. */
export async function dump(port: number, to: string, bytes: number): Promise<number> {
  const began = performance.now();
  await client('mysqldump', port, ['--skip-dump-date', 'bench'], 'w', to);
  return rate(bytes, began);
}

/** MB/s of loading a dump of `bytes` into an empty database. */
export async function load(port: number, from: string, bytes: number, database: string): Promise<number> {
  const began = performance.now();
  await client('mysql', port, [database], 'r', from);
  return rate(bytes, began);
}

async function client(
  name: string,
  port: number,
  args: string[],
  mode: 'r' | 'w',
  path: string,
): Promise<void> {
  const fd = openSync(path, mode);
  const address = ['--no-defaults', '--protocol=TCP', '-h', '127.0.0.1', '-P', String(port), '-u', 'root'];
  const stdio = mode === 'r' ? [fd, 'ignore', 'inherit'] : ['ignore', fd, 'inherit'];
  const child = spawn(findBinary(name, 'default-mysql-client'), [...address, ...args], {
    stdio: stdio as ['ignore', 'inherit', 'inherit'],
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  closeSync(fd);
  if (code !== 0) throw new Error(`${name} ended with ${code}`);
}

const rate = (bytes: number, began: number): number => bytes / MB / ((performance.now() - began) / 1000);

export function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}
