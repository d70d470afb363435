import { get } from 'node:http';
import { createConnection } from 'node:net';
import type { StartMessage } from '@vcap/bus';
import type { Clock } from '@vcap/clock';

/** How an instance shows that it is ready and, later, that it lives. */
export type HealthCheck = { type: 'process' } | { type: 'port' } | { type: 'http'; path: string };

/** Where and how long to ask. */
export interface ProbeTarget {
  host: string;
  port: number;
  timeoutMs: number;
}

/** Statuses below this one are well: a redirect or an answer of the application shows that it works. */
const FIRST_BAD_STATUS = 400;

/** The check of a start message; a string says what is wrong with it. */
export function healthCheckOf(message: StartMessage): HealthCheck | string {
  const { health_check_http_endpoint: path, health_check_type: type, uris } = message;
  switch (type ?? (uris.length > 0 ? 'port' : 'process')) {
    case 'process':
    case 'none':
      return { type: 'process' };
    case 'port':
      return { type: 'port' };
    case 'http':
      return isPath(path ?? '/')
        ? { type: 'http', path: path ?? '/' }
        : 'health_check_http_endpoint is not a path that begins with /';
    default:
      return `health_check_type ${type} is none of port, http, process`;
  }
}

/** Undefined when all is well, else what was seen instead, for the user. */
export function probe(clock: Clock, check: HealthCheck, target: ProbeTarget): Promise<string | undefined> {
  if (check.type === 'process') return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const late = check.type === 'http' ? 'no answer' : 'no connection';
    const timer = clock.setTimeout(
      () => done(`${late} within ${Math.round(target.timeoutMs / 100) / 10} s`),
      target.timeoutMs,
    );
    const done = (answer: string | undefined): void => {
      timer.cancel();
      destroy();
      resolve(answer);
    };
    const destroy = check.type === 'http' ? ask(check.path, target, done) : connectTo(target, done);
  });
}

type Done = (answer: string | undefined) => void;

function connectTo({ host, port }: ProbeTarget, done: Done): () => void {
  const socket = createConnection({ host, port });
  socket.once('connect', () => done(undefined));
  socket.on('error', (error) => done(told(error)));
  return () => socket.destroy();
}

function ask(path: string, { host, port }: ProbeTarget, done: Done): () => void {
  const request = get({ host, port, path, agent: false, headers: { 'user-agent': 'dea-health-check' } });
  request.once('response', (response) => {
    const status = response.statusCode ?? 0;
    response.on('error', () => undefined).destroy();
    done(status < FIRST_BAD_STATUS ? undefined : `it answered ${status}`);
  });
  request.on('error', (error) => done(told(error)));
  return () => request.destroy();
}

const told = (error: Error): string =>
  (error as NodeJS.ErrnoException).code === 'ECONNREFUSED' ? 'connection refused' : error.message;

/** What may stand in the first line of a request. */
const isPath = (text: string): boolean => /^\/[\u0021-\u007e]*$/.test(text) && text.length <= 1024;
