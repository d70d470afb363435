import { flat } from './plane/http/flat.ts';

/** One finished exchange. Times in milliseconds, sizes in bytes of body. */
export interface AccessRecord {
  readonly host: string;
  readonly startedAt: number;
  readonly method: string;
  readonly target: string;
  readonly protocol: string;
  readonly status: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly referer: string | undefined;
  readonly userAgent: string | undefined;
  readonly clientAddress: string;
  readonly backendAddress: string | undefined;
  readonly forwardedFor: string | undefined;
  readonly forwardedProto: string | undefined;
  readonly requestId: string;
  readonly responseTimeMs: number;
  readonly routerTimeMs: number;
  readonly app: string | undefined;
  readonly index: string | undefined;
  readonly instanceId: string | undefined;
  readonly routerError: string | undefined;
  /** Method, target and protocol in one, if it is at hand. */
  readonly requestLine?: string;
  /** Parts that are the same for all requests to an instance, if they are at hand. */
  readonly own?: OwnerTexts | undefined;
}

/** Parts of a line that one instance's requests have in common. */
export interface OwnerTexts {
  /** From the address's end to the request's id, for visitors without a front before the router. */
  readonly logMiddle: string;
  /** From the owner on, unless the router itself answered. */
  readonly logTail: string;
}

/** Formats a record as gorouter does (router.md 2.6); what is absent is `"-"`. */
export function formatAccessRecord(record: AccessRecord): string {
  const { routerError, own } = record;
  const end =
    routerError === undefined && own !== undefined
      ? own.logTail
      : ` ${ownerText(record)} x_cf_routererror:"${routerError ?? '-'}"`;
  return headText(record) + record.requestId + timesText(record) + end;
}

/** What stands between the address of an instance and the request's id. */
export function middleText(
  backendAddress: string | undefined,
  forwardedFor: string,
  forwardedProto: string,
): string {
  return `" "${backendAddress ?? '-'}" x_forwarded_for:${forwardedFor} x_forwarded_proto:${forwardedProto} vcap_request_id:"`;
}

/** The fields that say whose instance answered: the same for all requests to it. */
export function ownerText(owner: Pick<AccessRecord, 'app' | 'index' | 'instanceId'>): string {
  return `app_id:"${owner.app ?? '-'}" app_index:"${owner.index ?? '-'}" instance_id:"${owner.instanceId ?? '-'}"`;
}

function headText(record: AccessRecord): string {
  const { forwardedFor, forwardedProto, own } = record;
  const middle =
    forwardedFor === undefined && forwardedProto === undefined && own !== undefined
      ? own.logMiddle
      : middleText(record.backendAddress, quoted(forwardedFor), quoted(forwardedProto));
  return (
    startText(record.host, record.startedAt) +
    requestText(record) +
    sizesText(record.status, record.requestBytes, record.responseBytes) +
    visitorText(record.referer, record.userAgent) +
    record.clientAddress +
    middle
  );
}

/** A line that came through the parser has neither control bytes nor blanks in its parts. */
function requestText(record: AccessRecord): string {
  const { requestLine } = record;
  if (requestLine !== undefined && !requestLine.includes('"') && !requestLine.includes('\\'))
    return requestLine;
  return `${safe(record.method)} ${safe(record.target)} ${record.protocol}`;
}

/** A text that is often the one before it again; then it is of one piece. */
class Repeated {
  #text = '';
  #whole = false;

  set(text: string): string {
    this.#text = text;
    this.#whole = false;
    return text;
  }

  again(): string {
    if (!this.#whole) this.#text = flat(this.#text);
    this.#whole = true;
    return this.#text;
  }
}

const starts = new Repeated();
let startHost = '';
let startMs = -1;

function startText(host: string, at: number): string {
  if (at === startMs && host === startHost) return starts.again();
  startMs = at;
  startHost = host;
  const name = safe(host).replaceAll(' ', String.raw`\x20`);
  return starts.set(`${name || '-'} - [${timeText(at)}] "`);
}

const sizes = new Repeated();
let sizeStatus = -1;
let sizeIn = -1;
let sizeOut = -1;

function sizesText(status: number, requestBytes: number, responseBytes: number): string {
  if (status === sizeStatus && requestBytes === sizeIn && responseBytes === sizeOut) return sizes.again();
  sizeStatus = status;
  sizeIn = requestBytes;
  sizeOut = responseBytes;
  return sizes.set(`" ${status} ${requestBytes} ${responseBytes} `);
}

const visitors = new Repeated();
let visitorReferer: string | undefined = '-';
let visitorAgent: string | undefined;

function visitorText(referer: string | undefined, agent: string | undefined): string {
  if (agent === visitorAgent && referer === visitorReferer) return visitors.again();
  visitorReferer = referer;
  visitorAgent = agent;
  return visitors.set(`${quoted(referer)} ${quoted(agent)} "`);
}

let secondOfText = -1;
let textOfSecond = '';
let msOfText = -1;
let textOfMs = '';

/** The time in nanoseconds of which milliseconds are known; many records are of the same ms as the last, most of the same second. */
function timeText(at: number): string {
  const ms = Math.floor(at);
  if (ms !== msOfText) {
    msOfText = ms;
    const second = Math.floor(ms / 1000);
    if (second !== secondOfText) {
      secondOfText = second;
      textOfSecond = new Date(second * 1000).toISOString().slice(0, 20);
    }
    textOfMs = `${textOfSecond}${String(ms - second * 1000 + 1000).slice(1)}000000Z`;
  }
  return textOfMs;
}

const shortTimes = 8192;
const answerTimes = Array.from<string | undefined>({ length: shortTimes });
const ownTimes = Array.from<string | undefined>({ length: shortTimes });

/** Most requests take one of few numbers of microseconds. */
function timesText({ responseTimeMs, routerTimeMs }: AccessRecord): string {
  const answer = Math.round(responseTimeMs * 1000);
  const own = Math.round(routerTimeMs * 1000);
  return (
    (answer < shortTimes ? (answerTimes[answer] ??= flat(answerTimeText(answer))) : answerTimeText(answer)) +
    (own < shortTimes ? (ownTimes[own] ??= flat(secondsText(own))) : secondsText(own))
  );
}

function answerTimeText(micros: number): string {
  return `" response_time:${secondsText(micros)} gorouter_time:`;
}

/** Seconds with six places; `toFixed` takes its time. */
function secondsText(micros: number): string {
  if (micros < 1_000_000) return `0.${String(micros + 1_000_000).slice(1)}`;
  const whole = Math.floor(micros / 1_000_000);
  return `${whole}.${String(micros - whole * 1_000_000 + 1_000_000).slice(1)}`;
}

function quoted(value: string | undefined): string {
  return value === undefined || value === '' ? '"-"' : `"${safe(value)}"`;
}

// oxlint-disable-next-line eslint/no-control-regex -- control characters are what it looks for
const unsafe = /["\\\u0000-\u001f\u007f]/;

/** Keeps a visitor from forging fields or lines. */
function safe(value: string): string {
  return unsafe.test(value) ? escape(value) : value;
}

function escape(value: string): string {
  // oxlint-disable-next-line eslint/no-control-regex -- control characters are what it looks for
  return value.replace(/["\\\u0000-\u001f\u007f]/g, (char) =>
    char === '"' || char === '\\' ? `\\${char}` : `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
