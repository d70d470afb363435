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
  /** Nothing in it has to be escaped: it came through a parser and has no quotes, backslashes, tabs or blanks in the host. */
  readonly plain?: boolean;
  /** The rest of the line from the owner on, if it is at hand; it holds unless the router itself answered. */
  readonly tail?: string | undefined;
}

/** Formats a record as gorouter does (router.md 2.6); what is absent is `"-"`. */
export function formatAccessRecord(record: AccessRecord): string {
  const head = record.plain === true ? plainHead(record) : safeHead(record);
  const { routerError, tail } = record;
  const end =
    routerError === undefined && tail !== undefined
      ? tail
      : ` ${ownerText(record)} x_cf_routererror:"${routerError ?? '-'}"`;
  return (
    `${head} vcap_request_id:"${record.requestId}" response_time:${secondsText(record.responseTimeMs)} ` +
    `gorouter_time:${secondsText(record.routerTimeMs)}${end}`
  );
}

/** The fields that say whose instance answered: the same for all requests to it. */
export function ownerText(owner: Pick<AccessRecord, 'app' | 'index' | 'instanceId'>): string {
  return `app_id:"${owner.app ?? '-'}" app_index:"${owner.index ?? '-'}" instance_id:"${owner.instanceId ?? '-'}"`;
}

/** For a visitor whose head has neither quotes nor backslashes. */
function plainHead(record: AccessRecord): string {
  const { referer, userAgent, forwardedFor, forwardedProto } = record;
  return (
    `${record.host || '-'} - [${timeText(record.startedAt)}] "${record.method} ${record.target} ${record.protocol}" ` +
    `${record.status} ${record.requestBytes} ${record.responseBytes} "${referer || '-'}" "${userAgent || '-'}" ` +
    `"${record.clientAddress}" "${record.backendAddress ?? '-'}" ` +
    (forwardedFor === undefined && forwardedProto === undefined
      ? 'x_forwarded_for:"-" x_forwarded_proto:"-"'
      : `x_forwarded_for:"${forwardedFor || '-'}" x_forwarded_proto:"${forwardedProto || '-'}"`)
  );
}

function safeHead(record: AccessRecord): string {
  return (
    `${safe(record.host).replaceAll(' ', String.raw`\x20`) || '-'} - [${timeText(record.startedAt)}] ` +
    `"${safe(record.method)} ${safe(record.target)} ${record.protocol}" ` +
    `${record.status} ${record.requestBytes} ${record.responseBytes} ` +
    `${quoted(record.referer)} ${quoted(record.userAgent)} "${record.clientAddress}" ` +
    `"${record.backendAddress ?? '-'}" x_forwarded_for:${quoted(record.forwardedFor)} ` +
    `x_forwarded_proto:${quoted(record.forwardedProto)}`
  );
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

/** Seconds with six places; `toFixed` takes its time. */
function secondsText(ms: number): string {
  const micros = Math.round(ms * 1000);
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
