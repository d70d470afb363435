import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LocalCluster } from './cluster.ts';
import { readOptions } from './options.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
const say = (line: string): void => void process.stdout.write(`${line}\n`);

function fail(error: unknown): never {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

try {
  const options = readOptions(process.argv.slice(2), process.env, root);
  const cluster = new LocalCluster(root, options, say);
  let stopping = false;
  const stop = (status: number): void => {
    if (stopping) return;
    stopping = true;
    say('\nStopping; applications start again with the next npm start.');
    cluster.stop().then(() => process.exit(status), fail);
  };
  process.on('SIGINT', () => stop(0));
  process.on('SIGTERM', () => stop(0));
  process.on('SIGHUP', () => stop(0));
  try {
    const began = performance.now();
    await cluster.start();
    const api = `http://api.${options.domain}:${options.port}`;
    say(`
Ready in ${((performance.now() - began) / 1000).toFixed(1)} s. The API is ${api}; from another terminal:

  npx vmc target ${api}
  npx vmc login ${options.adminEmail}        (password in ${cluster.passwordFile})
  npx vmc push myapp --path DIRECTORY

Ctrl-C stops everything.`);
  } catch (error) {
    if (!stopping) {
      process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
      stop(1);
    }
  }
} catch (error) {
  fail(error);
}
