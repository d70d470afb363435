import type { Msg, MsgHdrs, Status } from 'nats';

/** A header's text, if it came and says something. */
export function headerOf(map: MsgHdrs | undefined, key: string): string | undefined {
  return map?.get(key) || undefined;
}

/** Who sent it, as far as one can know: our header, else the subject alone. */
export function senderOf(message: Msg): string {
  return headerOf(message.headers, 'sender') ?? 'unknown';
}

/** Addresses and errors are strings in a status; anything else is shown as JSON. */
export function dataOf(status: Status): string {
  return typeof status.data === 'string' ? status.data : JSON.stringify(status.data);
}
