/** A URL parted from the credentials in it; fetch refuses URLs that hold them. */
export interface HttpTarget {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Turns user info in `uri` into a Basic authorization header. */
export const toHttpTarget = (uri: string): HttpTarget => {
  const url = new URL(uri);
  const user = decodeURIComponent(url.username);
  const password = decodeURIComponent(url.password);
  if (user === '' && password === '') return { url: url.href, headers: {} };
  url.username = '';
  url.password = '';
  const credentials = Buffer.from(`${user}:${password}`).toString('base64');
  return { url: url.href, headers: { authorization: `Basic ${credentials}` } };
};

/** Why a fetch failed, without the URL (it may hold a token). */
export const fetchFailure = (error: unknown): string => {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (!(cause instanceof Error)) return String(cause);
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message;
};
