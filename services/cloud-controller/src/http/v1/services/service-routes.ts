/* oxlint-disable oxc/no-async-endpoint-handlers -- Express 5 hands rejections to the error handler */
import { Router } from 'express';
import { z } from 'zod';
import type { Services } from '../../../actions/context.ts';
import { createService } from '../../../actions/services/create-service.ts';
import { deleteService } from '../../../actions/services/delete-service.ts';
import { chooseOffering, choosePlan } from '../../../domain/choose-offering.ts';
import { ApiError } from '../../../errors.ts';
import { presentInstance, presentOfferings } from '../../../presenters/services.ts';
import { callOf, callerOf } from '../../call-context.ts';
import { readBody } from './read-body.ts';

const creation = z.looseObject({
  name: z.string(),
  vendor: z.string(),
  version: z.string().nullish(),
  tier: z.string().nullish(),
  provider: z.string().nullish(),
  options: z.looseObject({ plan_option: z.unknown().optional() }).nullish(),
});

/** Services as vmc asks for them (api-v1.md §1.5). */
export function serviceRoutes(services: Services): Router {
  const router = Router();
  const { store } = services;

  router.get('/info/services', async (_request, response) => {
    const { user } = callerOf(response);
    response.json(presentOfferings(await store.offerings.list(), user));
  });
  router.get('/services', async (_request, response) => {
    const { user } = callerOf(response);
    const instances = await store.services.instances.listSpace(user.spaceId);
    const operations = await store.services.operations.latest(instances.map(({ id }) => id));
    response.json(instances.map((each) => presentInstance(each, operations.get(each.id))));
  });
  router.get('/services/:alias', async (request, response) => {
    const { user } = callerOf(response);
    const instance = await store.services.instances.byName(user.spaceId, request.params.alias);
    if (!instance) throw new ApiError(500);
    const operations = await store.services.operations.latest([instance.id]);
    response.json(presentInstance(instance, operations.get(instance.id)));
  });
  router.post('/services', async (request, response) => {
    const caller = callerOf(response);
    const wish = readBody(creation, request.body);
    const { offering, version } = chooseOffering(await store.offerings.list(), caller.user, {
      vendor: wish.vendor,
      version: wish.version ?? undefined,
      provider: wish.provider ?? undefined,
    });
    const plan = choosePlan(offering, caller.user, wish.tier ?? 'free');
    const planOption = wish.options?.plan_option ?? null;
    await createService(services, caller, callOf(response), {
      name: wish.name,
      offering,
      version,
      plan,
      planOption,
    });
    response.json({});
  });
  router.delete('/services/:alias', async (request, response) => {
    const { alias } = request.params;
    await deleteService(services, callerOf(response), callOf(response), (instances, { spaceId }) =>
      instances.byName(spaceId, alias),
    );
    response.json({});
  });
  router.all('/services/:label/tokens', (_request, response) => {
    callerOf(response);
    // The originals answered 200 with an error in it; no client of theirs calls this.
    throw new ApiError(505, 'tokens');
  });
  return router;
}
