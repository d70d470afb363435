import { connect } from 'node:net';
import type { Case, Got } from './case.ts';

/** What a client saw of a case. */
export interface Played {
  readonly answers: Got[];
  readonly closed: boolean;
  /** Bytes that are no answer. */
  readonly rest: string;
}

const patienceMs = 3000;
const quietMs = 15;

/** Sends a case's bytes to a router and collects the answers until they are as many as expected, or it closes. */
export function play(port: number, one: Case, id: number): Promise<Played> {
  const methods = [
    ...one.send
      .map(String)
      .join('')
      .matchAll(/(?:^|\r\n)(GET|HEAD|POST) /g),
  ].map((each) => each[1]);
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    let text = '';
    let closed = false;
    let settled = false;
    const done = (): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      socket.destroy();
      const { answers, rest } = parseAnswers(text, methods, closed);
      resolve({ answers, rest, closed });
    };
    const timer = setTimeout(done, patienceMs);
    const wanted = one.expect.statuses.length;
    const look = (): void => {
      const { answers } = parseAnswers(text, methods, false);
      if (answers.filter(({ complete }) => complete).length < wanted) return;
      // An answer too many, or the end, would come at once.
      if (one.expect.closed !== true) setTimeout(done, one.expect.closed === false ? quietMs : 0);
    };
    socket.setEncoding('latin1');
    socket.on('data', (chunk) => {
      text += String(chunk);
      look();
    });
    socket.on('end', () => {
      closed = true;
      done();
    });
    socket.on('error', () => {
      closed = true;
    });
    socket.on('close', done);
    socket.on('connect', () => {
      const pieces = one.send.map((piece) =>
        typeof piece === 'string' ? Buffer.from(piece.replaceAll('{id}', `${id}`), 'latin1') : piece,
      );
      const next = (): void => {
        const piece = pieces.shift();
        if (piece === undefined) {
          if (one.end === true) socket.end();
          return;
        }
        if (!socket.destroyed) socket.write(piece, () => setImmediate(next));
      };
      next();
    });
  });
}

/** Reads as many answers as there are; a parser of the test's own, lenient where routers may differ. */
export function parseAnswers(
  text: string,
  methods: readonly (string | undefined)[],
  closed: boolean,
): { answers: Got[]; rest: string } {
  const answers: Got[] = [];
  let rest = text;
  for (;;) {
    const end = rest.indexOf('\r\n\r\n');
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(rest)?.[1] ?? 0);
    if (end < 0 || status === 0) return { answers, rest };
    const head = rest.slice(0, end + 2);
    rest = rest.slice(end + 4);
    if (status < 200 && status !== 101) continue;
    const length = Number(/\r\ncontent-length: *(\d+)\r\n/i.exec(head)?.[1] ?? -1);
    const bodiless = status === 101 || status === 204 || status === 304 || methods[answers.length] === 'HEAD';
    if (bodiless) {
      answers.push({ status, head, body: '', complete: true });
      if (status === 101) return { answers, rest };
    } else if (/\r\ntransfer-encoding: *chunked\r\n/i.test(head)) {
      const body = unchunk(rest);
      answers.push({ status, head, body: body.text, complete: body.end >= 0 });
      if (body.end < 0) return { answers, rest: '' };
      rest = rest.slice(body.end);
    } else if (length >= 0) {
      const body = rest.slice(0, length);
      answers.push({ status, head, body, complete: body.length === length });
      rest = rest.slice(length);
    } else {
      answers.push({ status, head, body: rest, complete: closed });
      return { answers, rest: '' };
    }
  }
}

function unchunk(text: string): { text: string; end: number } {
  let at = 0;
  let out = '';
  for (;;) {
    const line = text.indexOf('\r\n', at);
    if (line < 0) return { text: out, end: -1 };
    const size = Number.parseInt(text.slice(at, line), 16);
    if (Number.isNaN(size)) return { text: out, end: -1 };
    if (size === 0) {
      const end = text.indexOf('\r\n\r\n', line);
      return { text: out, end: end < 0 ? -1 : end + 4 };
    }
    out += text.slice(line + 2, line + 2 + size);
    at = line + 2 + size + 2;
    if (at > text.length) return { text: out, end: -1 };
  }
}
