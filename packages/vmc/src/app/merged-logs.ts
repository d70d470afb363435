import type { Client } from '../api/client.ts';
import { readLogs } from '../api/logs.ts';
import type { LogLine } from '../api/logs.ts';
import type { Context } from '../context.ts';
import { ApiError, ConnectError, UsageError } from '../errors.ts';
import { formatTime } from '../ui/format.ts';
import { readStagingLog } from './staging-log.ts';

const defaultLines = 50;
const waitSeconds = 15;
const stagingEveryMs = 1000;
const retryMs = 1000;

/**
 * Shows recent lines of the last staging and of all instances, then with `--follow` what comes. False when the target
 * has no log streams; then nothing was shown.
 */
export async function showMergedLogs(context: Context, client: Client, name: string): Promise<boolean> {
  const { ui, flags } = context;
  const recent = linesWanted(flags.lines);
  if (flags.follow === true && flags.json === true) throw new UsageError('--follow cannot print JSON');
  const page = await readLogs(client, name, { cursor: undefined, recent, waitSeconds: 0 });
  if (page === undefined) return false;
  const staging = new StagingFollower(client, name);
  const staged = (await staging.next()).slice(recent === 0 ? Infinity : -recent);
  if (ui.json) {
    ui.data([...staged.map((text) => ({ source: 'staging', text })), ...page.lines], () => '');
    return true;
  }
  for (const text of staged) ui.print(`[staging] ${text}`);
  show(context, page.lines);
  if (flags.follow === true) await follow(context, client, name, page.cursor, staging);
  else if (staged.length + page.lines.length === 0) ui.warn(`Application '${name}' has no log lines yet`);
  return true;
}

function linesWanted(text: string | undefined): number {
  if (text === undefined) return defaultLines;
  const wanted = Number(text);
  if (Number.isInteger(wanted) && wanted >= 0 && wanted <= 10_000) return wanted;
  throw new UsageError(`'${text}' is not a number of lines`, 'Use a number up to 10000.');
}

function show({ ui }: Context, lines: readonly LogLine[]): void {
  for (const { time, index, source, text } of lines)
    ui.print(`${formatTime(time)} [${index}/${source}] ${text}`);
}

/** Until the host's signal fires. A target that is away for a while is asked again from where it was. */
async function follow(
  context: Context,
  client: Client,
  name: string,
  from: string | undefined,
  staging: StagingFollower,
): Promise<void> {
  const { host, ui } = context;
  const over = () => host.signal?.aborted === true;
  const retrying = new Patience(context);
  const instances = async () => {
    let cursor = from;
    while (!over()) {
      await retrying.run(async () => {
        const page = await readLogs(client, name, { cursor, recent: 0, waitSeconds });
        cursor = page?.cursor;
        if (!over()) show(context, page?.lines ?? []);
      });
    }
  };
  const stagings = async () => {
    while (!over()) {
      await host.clock.sleep(stagingEveryMs, host.signal);
      await retrying.run(async () => {
        for (const text of over() ? [] : await staging.next()) ui.print(`[staging] ${text}`);
      });
    }
  };
  await Promise.race([Promise.all([instances(), stagings()]), aborted(host.signal)]);
}

function aborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) resolve();
    else signal?.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Goes on after failures that pass; the user hears of the first of them. */
class Patience {
  private readonly context: Context;
  private away = false;

  constructor(context: Context) {
    this.context = context;
  }

  async run(work: () => Promise<void>): Promise<void> {
    const { ui, host } = this.context;
    try {
      await work();
      this.away = false;
    } catch (error) {
      if (!(error instanceof ConnectError) && !(error instanceof ApiError && error.status >= 500))
        throw error;
      if (host.signal?.aborted === true) return;
      if (!this.away) ui.warn('The target does not answer; trying again');
      this.away = true;
      await host.clock.sleep(retryMs, host.signal);
    }
  }
}

/** Whole lines of the staging log as they come; another staging begins anew. */
class StagingFollower {
  private readonly client: Client;
  private readonly name: string;
  private task: string | undefined;
  private offset = 0;
  private rest = '';
  private decoder = new TextDecoder();

  constructor(client: Client, name: string) {
    this.client = client;
    this.name = name;
  }

  async next(): Promise<string[]> {
    let piece = await readStagingLog(this.client, this.name, this.offset);
    if (piece !== undefined && piece.task !== this.task && this.offset > 0) {
      this.offset = 0;
      this.rest = '';
      this.decoder = new TextDecoder();
      piece = await readStagingLog(this.client, this.name, 0);
    }
    if (piece === undefined) return [];
    this.task = piece.task;
    this.offset += piece.bytes.length;
    const text = this.decoder.decode(piece.bytes, { stream: !piece.complete });
    const lines = (this.rest + text).split('\n');
    this.rest = piece.complete ? '' : (lines.pop() ?? '');
    return lines.filter((line) => line !== '');
  }
}
