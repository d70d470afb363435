import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { deploy, root } from './checkout.ts';
import { run, tail } from './run.ts';

const engineScript = join(deploy, 'docker/docker-engine');
const imagesScript = join(deploy, 'docker/base-images');
const env = {
  ...process.env,
  PATH: `${process.env['PATH']}:/usr/sbin:/sbin`,
  // Kept from one run to the next, where no tool of this repository looks.
  DOCKER_ENGINE_DIR: join(root, 'node_modules/.cache/docker-engine'),
};
const baseImages = [
  'debian:bookworm-slim',
  'node:24-bookworm-slim',
  'nats:2',
  'redis:7',
  'mariadb:10.11',
] as const;
const minutes = 60_000;

/** Why these tests cannot run here. */
export class Impossible extends Error {
  override readonly name = 'Impossible';
}

const docker = (args: string[], timeoutMs = minutes) => run('docker', args, { env, timeoutMs });
const answers = async (): Promise<boolean> =>
  (await docker(['version', '--format', '{{.Server.Version}}'], 20_000)).status === 0;

/**
 * Has an engine answer, the base images there and ours built. Throws {@link Impossible} where that cannot be; answers
 * whether the engine was started here.
 */
export async function prepareEngine(say: (text: string) => void, started: () => void): Promise<void> {
  if (process.env['VCAP_E2E_COMPOSE'] === 'off') throw new Impossible('VCAP_E2E_COMPOSE=off');
  if (!(await answers())) await startEngine(say, started);
  await checkEngine();
  await haveBaseImages(say);
  if (process.env['VCAP_E2E_COMPOSE'] === 'built') return;
  say('building the images');
  const build = await run('docker', ['compose', 'build'], { cwd: root, env, timeoutMs: 12 * minutes });
  if (build.status !== 0) throw new Impossible(`the images cannot be built:\n${tail(build.output, 25)}`);
}

async function startEngine(say: (text: string) => void, started: () => void): Promise<void> {
  if (process.getuid?.() !== 0) throw new Impossible('no Docker engine answers, and only root can start one');
  if (!existsSync('/usr/bin/apt-get'))
    throw new Impossible('no Docker engine answers, and this is no Debian');
  say('no Docker engine answers: one is installed and started');
  started();
  const outcome = await run(engineScript, ['start'], { env, timeoutMs: 5 * minutes });
  if (outcome.status !== 0) throw new Impossible(`no Docker engine can be had:\n${tail(outcome.output)}`);
}

async function checkEngine(): Promise<void> {
  const info = await docker(['info', '--format', '{{.ServerVersion}} {{.Driver}}']);
  const [version = '', driver] = info.stdout.trim().split(' ');
  if (!(Number.parseInt(version, 10) >= 23))
    throw new Impossible(`the Docker engine is older than 23, or does not answer: ${tail(info.output)}`);
  if (driver === 'vfs') throw new Impossible('the Docker engine copies each layer (vfs): too slow and large');
  for (const plugin of ['compose', 'buildx'])
    if ((await docker([plugin, 'version'])).status !== 0) throw new Impossible(`docker ${plugin} is missing`);
}

async function haveBaseImages(say: (text: string) => void): Promise<void> {
  const missing: string[] = [];
  for (const image of baseImages)
    if ((await docker(['image', 'inspect', image])).status !== 0) missing.push(image);
  if (missing.length === 0) return;
  say(`getting ${missing.join(', ')}`);
  for (const [index, image] of missing.entries()) {
    const pulled = await docker(['pull', '-q', image], index === 0 ? 40_000 : 3 * minutes);
    if (pulled.status === 0) continue;
    say('no image registry answers: they are made of Debian packages');
    const made = await run(imagesScript, [], { env, timeoutMs: 8 * minutes });
    if (made.status !== 0) throw new Impossible(`no base images can be had:\n${tail(made.output)}`);
    return;
  }
}

/** Takes away what a broken run may have left, and ends the engine that was started here. */
export async function leaveEngine(project: string, wasStarted: boolean): Promise<void> {
  const left = await docker(['ps', '-aq', '--filter', `label=com.docker.compose.project=${project}`]);
  const ids = left.status === 0 ? left.stdout.split('\n').filter(Boolean) : [];
  if (ids.length > 0)
    await run('docker', ['compose', '-p', project, 'down', '-v', '-t', '2'], {
      cwd: root,
      env,
      timeoutMs: 2 * minutes,
    });
  if (wasStarted) await run(engineScript, ['stop'], { env, timeoutMs: 2 * minutes });
}
