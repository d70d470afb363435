import { getApp, listCrashes, putApp, readFileText, restartNow } from '../api/apps.ts';
import type { Client } from '../api/client.ts';
import type { AppDocument, Crash } from '../api/schemas.ts';
import type { Clock } from '../clock.ts';
import { browserUrl } from '../config/target.ts';
import { ApiError, VmcError } from '../errors.ts';
import { lastLines } from '../ui/format.ts';
import type { Ui } from '../ui/ui.ts';
import { healthOf } from './health.ts';
import { readStagingLog, showStagingDuring } from './staging-log.ts';

/** What starting and stopping work with. */
export interface Platform {
  client: Client;
  ui: Ui;
  clock: Clock;
  target: string;
}

const unknownForMs = 30_000;
/** A DEA that is full now may have room in a moment: adverts come every 5 s. */
const noRoomForMs = 7000;
const giveUpMs = 120_000;

/** Stops an application; one that is stopped already is told so. */
export async function stopApp(o: Platform, name: string): Promise<void> {
  const app = await getApp(o.client, name);
  if (app.state === 'STOPPED') {
    o.ui.say(`Application '${name}' is already stopped`);
    return;
  }
  await o.ui.step(`Stopping Application '${name}'`, () => putApp(o.client, app, { state: 'STOPPED' }));
}

/**
 * Stages an application if need be, starts it and waits until all its instances run. Throws VmcError,
 * after showing the last log lines, when an instance crashes. `fresh` says that it was never staged.
 */
export async function startApp(
  o: Platform,
  name: string,
  options: { debug?: string; fresh?: boolean } = {},
): Promise<void> {
  const app = await getApp(o.client, name);
  if (app.state === 'STARTED') {
    o.ui.say(`Application '${name}' is already started`);
    return;
  }
  const old = options.fresh === true ? undefined : await readStagingLog(o.client, name, 0);
  const beganMs = o.clock.now();
  const show = (line: string) => o.ui.say(`  [staging] ${line}`);
  await o.ui.step(`Staging Application '${name}'`, () =>
    showStagingDuring({ ...o, show }, name, old?.bytes, () =>
      putApp(o.client, app, { state: 'STARTED', debug: options.debug ?? null, console: null }),
    ),
  );
  await finishStart(o, name, beganMs);
}

async function finishStart(o: Platform, name: string, beganMs: number): Promise<void> {
  const running = await o.ui.step(`Starting Application '${name}'`, (step) =>
    waitUntilRunning(o, name, beganMs, (text) => step.progress(text)),
  );
  if (running === undefined) {
    o.ui.warn(`Application '${name}' takes long to start. See its output with \`vmc logs ${name}\`.`);
    return;
  }
  for (const uri of running.uris)
    o.ui.say(`Application '${name}' is running at ${browserUrl(uri, o.target)}`);
}

async function waitUntilRunning(
  o: Platform,
  name: string,
  beganMs: number,
  progress: (text: string) => void,
): Promise<AppDocument | undefined> {
  const began = Math.floor(beganMs / 1000);
  let unknownSinceMs: number | undefined;
  let noRoomSinceMs: number | undefined;
  const watch = new CrashWatch(() => crashesSince(o.client, name, began));
  for (let waitedMs = 0; waitedMs < giveUpMs; waitedMs = o.clock.now() - beganMs) {
    const app = await getApp(o.client, name);
    if (app.staging_error != null) throw new VmcError(`Application '${name}': ${app.staging_error}`);
    const health = healthOf(app);
    const suspended = (app.meta as { debug?: unknown } | null | undefined)?.debug === 'suspend';
    if (health === 'RUNNING' || suspended) return app;
    if (app.state !== 'STARTED') throw new VmcError(`Application '${name}' was stopped meanwhile`);
    progress(health);
    unknownSinceMs = health === 'N/A' ? (unknownSinceMs ?? o.clock.now()) : undefined;
    noRoomSinceMs = app.placement_error == null ? undefined : (noRoomSinceMs ?? o.clock.now());
    if (noRoomSinceMs !== undefined && o.clock.now() - noRoomSinceMs >= noRoomForMs)
      throw new VmcError(`Application '${name}' has no place to run: ${app.placement_error}`, {
        hint: `It starts by itself when there is room. Or ask for less with \`vmc mem ${name}\` or \`vmc instances ${name}\`.`,
      });
    if (unknownSinceMs !== undefined && o.clock.now() - unknownSinceMs >= unknownForMs)
      throw new VmcError(`The health of application '${name}' is not known`, {
        hint: 'The health manager of the target does not answer; tell its operator.',
      });
    const crash = watch.check();
    if (crash !== undefined) {
      await showCrash(o, name, crash);
      throw new VmcError(`Application '${name}' failed to start`, {
        hint: `See more with \`vmc crashlogs ${name}\`, mend it and run \`vmc update ${name}\`.`,
      });
    }
    await o.clock.sleep(waitedMs < 5000 ? 200 : waitedMs < 20_000 ? 500 : 1000);
  }
  return undefined;
}

/** Asks for crashes beside the health checks: the answer can take seconds and must not hold them up. */
class CrashWatch {
  private readonly ask: () => Promise<Crash | undefined>;
  private pending = false;
  private found: Crash | undefined;

  constructor(ask: () => Promise<Crash | undefined>) {
    this.ask = ask;
  }

  check(): Crash | undefined {
    if (!this.pending && this.found === undefined) {
      this.pending = true;
      void this.ask()
        .then((crash) => (this.found = crash))
        .catch(() => undefined)
        .finally(() => (this.pending = false));
    }
    return this.found;
  }
}

async function crashesSince(client: Client, name: string, since: number): Promise<Crash | undefined> {
  const crashes = await listCrashes(client, name);
  return crashes.filter((crash) => crash.since >= since).sort((a, b) => b.since - a.since)[0];
}

async function showCrash(o: Platform, name: string, crash: Crash): Promise<void> {
  for (const file of ['logs/stderr.log', 'logs/stdout.log']) {
    const text = await readFileText(o.client, name, crash.instance, file);
    if (text === undefined || text.trim() === '') continue;
    o.ui.warn(`====> ${file} of the crashed instance <====`);
    for (const line of lastLines(text, 20)) o.ui.warn(line);
  }
}

/**
 * Runs the newest files of an application that runs; one that is stopped is left alone. What runs goes on until the
 * target has something better: two instances or more are replaced one by one.
 */
export async function updateIfStarted(o: Platform, app: AppDocument): Promise<void> {
  if (app.state !== 'STARTED') return;
  const { name } = app;
  const old = await readStagingLog(o.client, name, 0);
  const beganMs = o.clock.now();
  const show = (line: string) => o.ui.say(`  [staging] ${line}`);
  await o.ui.step(`Staging Application '${name}'`, () =>
    showStagingDuring({ ...o, show }, name, old?.bytes, () => restartNow(o.client, name)),
  );
  await finishStart(o, name, beganMs);
}

/** Stops and starts an application that runs; one that is stopped is left alone. */
export async function restartIfStarted(o: Platform, app: AppDocument): Promise<void> {
  if (app.state !== 'STARTED') return;
  await stopApp(o, app.name);
  await startApp(o, app.name);
}

/** True for the answer that says an instance (or its files) is not there. */
export function isGone(error: unknown): boolean {
  return error instanceof ApiError && [304, 305, 306].includes(error.code ?? 0);
}
