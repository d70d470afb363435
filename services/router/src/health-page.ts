/** What those are told who ask whether the router takes visitors: on its own port and on the visitors', of both planes. */
export interface HealthPage {
  readonly status: 200 | 503;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const headers = { 'Content-Type': 'text/plain', 'Cache-Control': 'private, max-age=0', Expires: '0' };

/** While it takes visitors, and while it drains. */
export const healthPages: Readonly<Record<'up' | 'draining', HealthPage>> = {
  up: { status: 200, headers, body: 'ok\n' },
  draining: { status: 503, headers: { ...headers, 'Retry-After': '5' }, body: 'draining\n' },
};

/** Load balancers that ask on the visitors' port begin their User-Agent so. */
export const healthAgent = 'HTTP-Monitor/';
