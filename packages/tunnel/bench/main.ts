/**
 * `pnpm bench [--quick] [--router]`: both transports against the same client on the port itself; prints all runs and the
 * ratio. With `--router` a real router stands in between, as in a cluster. Asserts nothing.
 */
import { statSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startMariadb, tempDir, waitFor } from '@vcap/testkit';
import { createConnection } from 'mysql2/promise';
import { download, dump, load, median, selectLatency, upload } from './measures.ts';
import { startHalf, startRouter } from './processes.ts';

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, router: { type: 'boolean', default: false } },
});
const rounds = values.quick ? 1 : 3;
const megabytes = values.quick ? 40 : 200;
const bytes = megabytes * 1_000_000;
const transports = ['websocket', 'http'] as const;

const source = createServer((socket) => {
  const piece = Buffer.alloc(256 * 1024, 'y');
  const more = (): void => {
    while (!socket.destroyed && socket.write(piece));
  };
  socket.on('drain', more).on('error', () => undefined);
  more();
});
const sink = createServer((socket) => socket.resume().on('error', () => undefined));
const listen = (server: typeof sink): Promise<number> =>
  new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
const ports = { source: await listen(source), sink: await listen(sink) };
const mariadb = await startMariadb();
const dir = await tempDir('tunnel-bench');
const caldecott = await startHalf('server.ts', Object.values({ ...ports, db: mariadb.port }).map(String));
const direct = `http://127.0.0.1:${caldecott.port}`;
const router = values.router ? await startRouter(caldecott.port) : undefined;
const url = router?.url ?? direct;

/** A listener for one destination over one transport, or the destination's own port. */
async function way(name: 'direct' | 'websocket' | 'http', port: number): ReturnType<typeof startHalf> {
  if (name === 'direct') return { port, stop: async () => undefined };
  return startHalf('listener.ts', [url, name, String(port)]);
}

async function compare(
  title: string,
  unit: string,
  port: number,
  measure: (port: number) => Promise<number>,
): Promise<void> {
  console.log(`\n${title} (${unit})`);
  let floor = NaN;
  for (const name of ['direct', ...transports] as const) {
    const piece = await way(name, port);
    const runs: number[] = [];
    for (let round = 0; round < rounds; round += 1) runs.push(await measure(piece.port));
    await piece.stop();
    const middle = median(runs);
    if (name === 'direct') floor = middle;
    const ratio =
      unit === 'ms' ? `+${(middle - floor).toFixed(2)} ms` : `${((100 * middle) / floor).toFixed(0)} %`;
    console.log(`  ${name.padEnd(10)} ${runs.map((run) => run.toFixed(2)).join(' ')}  ${ratio}`);
  }
}

async function fill(): Promise<string> {
  await mariadb.createDatabase('bench');
  const connection = await createConnection({ uri: mariadb.url, database: 'bench' });
  await connection.query('CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, a VARCHAR(100), b MEDIUMTEXT)');
  const row = `('${'name '.repeat(10)}','${'some text that is quite ordinary '.repeat(30)}')`;
  const insert = `INSERT INTO t (a, b) VALUES ${Array.from({ length: 1000 }, () => row).join(',')}`;
  for (let sent = 0; sent < bytes; sent += insert.length) await connection.query(insert);
  await connection.end();
  return join(dir.path, 'dump.sql');
}

async function tunnelsAtOnce(count: number): Promise<void> {
  console.log(`\n${count} tunnels at once, each with a source that is read by nobody`);
  const memory = async (): Promise<{ rss: number; used: number; buffered: number }> =>
    (await fetch(`${direct}/memory`)).json() as Promise<{ rss: number; used: number; buffered: number }>;
  for (const name of transports) {
    const piece = await way(name, ports.source);
    const before = await memory();
    const sockets = Array.from({ length: count }, () =>
      connect({ host: '127.0.0.1', port: piece.port })
        .on('error', () => undefined)
        .pause(),
    );
    let last = -1;
    const full = await waitFor(
      async () => {
        const now = await memory();
        const still = now.buffered === last && now.buffered > 0;
        last = now.buffered;
        return still && now;
      },
      { timeoutMs: 60_000 },
    );
    const perTunnel = (value: number): string => `${(value / count / 1024).toFixed(0)} KiB`;
    console.log(
      `  ${name.padEnd(10)} kept ${perTunnel(full.buffered)}, heap and buffers +${perTunnel(full.used - before.used)}, ` +
        `RSS +${perTunnel(full.rss - before.rss)} each; RSS ${(full.rss / 1024 / 1024).toFixed(0)} MiB`,
    );
    for (const socket of sockets) socket.destroy();
    await piece.stop();
  }
}

try {
  console.log(
    `${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), Node.js ${process.version}, ${rounds} runs, ` +
      (router ? 'through a router' : 'without a router'),
  );
  await compare('SELECT 1, median of 500', 'ms', mariadb.port, async (port) =>
    median(await selectLatency(port, 500)),
  );
  await compare(`${megabytes} MB from a server`, 'MB/s', ports.source, (port) => download(port, bytes));
  await compare(`${megabytes} MB to a server`, 'MB/s', ports.sink, (port) => upload(port, bytes));
  const file = await fill();
  await dump(mariadb.port, file, 1);
  const { size } = statSync(file);
  await compare(`mysqldump of ${Math.round(size / 1e6)} MB`, 'MB/s', mariadb.port, (port) =>
    dump(port, file, size),
  );
  let database = 0;
  await compare('loading that dump', 'MB/s', mariadb.port, async (port) => {
    const name = `copy${(database += 1)}`;
    await mariadb.createDatabase(name);
    const speed = await load(port, file, size, name);
    const connection = await createConnection({ uri: mariadb.url });
    await connection.query(`DROP DATABASE ${name}`);
    await connection.end();
    return speed;
  });
  await tunnelsAtOnce(values.quick ? 50 : 200);
} finally {
  await router?.stop();
  await caldecott.stop();
  await mariadb.stop();
  await dir.remove();
  source.close();
  sink.close();
}
