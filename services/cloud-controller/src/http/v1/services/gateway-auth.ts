import { createHash, timingSafeEqual } from 'node:crypto';
import type { Request } from 'express';
import { serviceTokenHeader } from '@vcap/service-api';
import type { Services } from '../../../actions/context.ts';
import { splitLabel } from '../../../domain/service-labels.ts';
import { ApiError } from '../../../errors.ts';

function same(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

function shown(request: Request): string {
  const token = request.get(serviceTokenHeader);
  if (token === undefined || token === '') throw new ApiError(200);
  return token;
}

/** Whether the request shows a broker's token. Throws 200 when it shows none at all. */
export function isBroker(services: Services, request: Request): boolean {
  const token = shown(request);
  // All are compared, whichever fits.
  return services.settings.brokerTokens.filter((each) => same(each, token)).length > 0;
}

/**
 * Lets through who shows the token of this label (with version) and provider. A label that nobody has yet may be taken
 * with a broker's token, when `mayTake`; it is then that broker's. Throws 200 otherwise.
 */
export async function checkGateway(
  services: Services,
  request: Request,
  label: string,
  provider: string,
  mayTake = false,
): Promise<{ brokered: boolean }> {
  const token = shown(request);
  const name = splitLabel(label)?.name ?? label;
  const known = await services.store.serviceTokens.find(name, provider);
  if (known) {
    if (!same(known.token, token)) throw new ApiError(200);
    return { brokered: known.brokered };
  }
  if (!mayTake || !isBroker(services, request)) throw new ApiError(200);
  await services.store.serviceTokens.put(name, provider, { token, brokered: true });
  return { brokered: true };
}
