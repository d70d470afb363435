/* oxlint-disable oxc/no-async-endpoint-handlers -- Express 5 hands rejections to the error handler */
import { Readable } from 'node:stream';
import { Router } from 'express';
import type { Request } from 'express';
import { handleSchema, offeringSchema } from '@vcap/service-api';
import type { Services } from '../../../actions/context.ts';
import { saveHandle } from '../../../actions/services/save-handle.ts';
import { splitLabel } from '../../../domain/service-labels.ts';
import { ApiError } from '../../../errors.ts';
import { presentHandles } from '../../../presenters/handles.ts';
import { presentOwnOffering } from '../../../presenters/services.ts';
import type { OfferingRecord } from '../../../repositories/service-offerings.ts';
import { callOf } from '../../call-context.ts';
import { sendStream } from '../../send-stream.ts';
import { checkGateway, isBroker } from './gateway-auth.ts';
import { readBody } from './read-body.ts';

const CORE = 'core';
const BASE = '/services/v1/offerings';

/** What gateways and brokers ask (api-v1.md §1.7). A path may name the provider behind the label. */
export function offeringRoutes(services: Services): Router {
  const router = Router();
  const { store } = services;

  router.post(BASE, async (request, response) => {
    const offering = readBody(offeringSchema, request.body);
    const provider = offering.provider ?? CORE;
    if (!splitLabel(offering.label)) throw new ApiError(100, 'label must be like name-version');
    const { brokered } = await checkGateway(services, request, offering.label, provider, true);
    await store.offerings.save(offering, provider, brokered);
    callOf(response).log.info({
      event: 'offering-saved',
      label: offering.label,
      provider,
      active: offering.active,
    });
    response.json({});
  });

  const own = async (request: Request): Promise<OfferingRecord> => {
    const { label, provider = CORE } = request.params as { label: string; provider?: string };
    await checkGateway(services, request, label, provider);
    const offering = await store.offerings.byLabel(label, provider);
    if (!offering) throw new ApiError(500);
    return offering;
  };
  const paths = [`${BASE}/:label`, `${BASE}/:label/:provider`];
  const handles = [`${BASE}/:label/handles`, `${BASE}/:label/:provider/handles`];
  router.get(handles, async (request, response) => {
    const offering = await own(request);
    const body = Readable.from(presentHandles(store.services, offering.id));
    await sendStream(response, body, { headers: { 'Content-Type': 'application/json' } });
  });
  router.post(
    handles.map((path) => `${path}/:id`),
    async (request, response) => {
      const offering = await own(request);
      // The id in the body counts, as it always did.
      await saveHandle(services, callOf(response), offering, readBody(handleSchema, request.body));
      response.json({});
    },
  );
  router.get(paths, async (request, response) => {
    response.json(presentOwnOffering(await own(request)));
  });
  router.delete(paths, async (request, response) => {
    const offering = await own(request);
    await store.offerings.remove(offering);
    callOf(response).log.warn({
      event: 'offering-removed',
      label: offering.label,
      provider: offering.provider,
    });
    response.json({});
  });

  router.get(
    ['/brokered_services/poc/offerings', '/brokered_services/v1/offerings'],
    async (request, response) => {
      if (!isBroker(services, request)) throw new ApiError(200);
      const brokered = (await store.offerings.list()).filter((offering) => offering.brokered);
      response.json({
        brokered_services: brokered.map(({ label, version, description, acls }) => ({
          label: `${label}-${version}`,
          description: description ?? '',
          ...(acls !== null && { acls }),
        })),
      });
    },
  );
  return router;
}
