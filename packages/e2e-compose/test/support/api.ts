/** Asks one controller or another by its own address, past routers and load balancer. */
export type Ask = (controller: number, method: string, path: string, body?: unknown) => Promise<unknown>;

export async function askController(
  addresses: readonly string[],
  host: string,
  email: string,
  password: string,
): Promise<Ask> {
  const call = async (at: string, method: string, path: string, token: string, body?: unknown) => {
    const response = await fetch(`http://${at}:9022${path}`, {
      method,
      headers: { authorization: token, 'content-type': 'application/json', 'x-forwarded-host': host },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(60_000),
    });
    const text = await response.text();
    if (response.status >= 500) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text.trim() === '' ? undefined : (JSON.parse(text) as unknown);
  };
  const path = `/users/${email}/tokens`;
  const { token } = (await call(addresses[0] ?? '', 'POST', path, '', { password })) as { token: string };
  return async (controller, method, at, body) => call(addresses[controller] ?? '', method, at, token, body);
}
