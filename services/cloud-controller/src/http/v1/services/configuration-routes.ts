/* oxlint-disable oxc/no-async-endpoint-handlers -- Express 5 hands rejections to the error handler */
import { Router } from 'express';
import { z } from 'zod';
import type { Services } from '../../../actions/context.ts';
import {
  bindByToken,
  bindOwn,
  createBindingToken,
  deleteBindingToken,
  ownInstance,
  unbindByToken,
} from '../../../actions/services/binding-tokens.ts';
import { createService } from '../../../actions/services/create-service.ts';
import { deleteService } from '../../../actions/services/delete-service.ts';
import { chooseOffering, choosePlan } from '../../../domain/choose-offering.ts';
import { splitLabel } from '../../../domain/service-labels.ts';
import { ApiError } from '../../../errors.ts';
import { callOf, callerOf } from '../../call-context.ts';
import { readBody } from './read-body.ts';

const options = z
  .looseObject({})
  .nullish()
  .transform((value): Record<string, unknown> => value ?? {});
const appId = z.union([z.int(), z.string().min(1)]);
const configuration = z.looseObject({
  label: z.string(),
  name: z.string(),
  plan: z.string(),
  plan_option: z.unknown().optional(),
  provider: z.string().nullish(),
});
const ownBinding = z.looseObject({ service_id: z.string(), app_id: appId, binding_options: options });
const externalBinding = z.looseObject({ binding_token: z.string(), app_id: appId });
const bindingToken = z.looseObject({ service_id: z.string(), binding_options: options });

/** Configurations, bindings and binding tokens (api-v1.md §1.6). */
export function configurationRoutes(services: Services): Router {
  const router = Router();
  const { store } = services;
  const prefix = '/services/v1';

  router.post(`${prefix}/configurations`, async (request, response) => {
    const caller = callerOf(response);
    const wish = readBody(configuration, request.body);
    const label = splitLabel(wish.label);
    if (!label) throw new ApiError(500, `${wish.label} is no label of a service`);
    const { offering, version } = chooseOffering(await store.offerings.list(), caller.user, {
      vendor: label.name,
      version: label.version,
      provider: wish.provider ?? undefined,
    });
    const plan = choosePlan(offering, caller.user, wish.plan);
    const planOption = wish.plan_option ?? null;
    const made = await createService(services, caller, callOf(response), {
      name: wish.name,
      offering,
      version,
      plan,
      planOption,
    });
    response.json({
      service_id: made.gatewayName,
      data: made.configuration,
      credentials: made.credentials,
    });
  });
  router.delete(`${prefix}/configurations/:id`, async (request, response) => {
    const caller = callerOf(response);
    const { id } = await ownInstance(services, caller, request.params.id);
    await deleteService(services, caller, callOf(response), (instances) => instances.byId(id));
    response.json({});
  });

  router.post(`${prefix}/bindings`, async (request, response) => {
    const wish = readBody(ownBinding, request.body);
    const { token, instance } = await bindOwn(services, callerOf(response), callOf(response), wish);
    response.json({ binding_token: token.token, label: `${instance.label}-${instance.version}` });
  });
  router.post(`${prefix}/bindings/external`, async (request, response) => {
    const wish = readBody(externalBinding, request.body);
    await bindByToken(services, callerOf(response), callOf(response), wish);
    response.json({});
  });
  router.delete(`${prefix}/bindings/:token`, async (request, response) => {
    await unbindByToken(services, callerOf(response), callOf(response), request.params.token);
    response.json({});
  });

  router.post(`${prefix}/binding_tokens`, async (request, response) => {
    const wish = readBody(bindingToken, request.body);
    const { token, instance } = await createBindingToken(services, callerOf(response), wish);
    response.json({ label: `${instance.label}-${instance.version}`, binding_token: token.token });
  });
  // Whoever has the token may know what it is for: no login.
  router.get(`${prefix}/binding_tokens/:token`, async (request, response) => {
    const token = await store.services.bindingTokens.find(request.params.token);
    const instance = token && (await store.services.instances.byId(token.instanceId));
    if (!instance) throw new ApiError(502);
    response.json({ service_id: instance.gatewayName, binding_options: token.options });
  });
  router.delete(`${prefix}/binding_tokens/:token`, async (request, response) => {
    await deleteBindingToken(services, callerOf(response), callOf(response), request.params.token);
    response.json({});
  });
  return router;
}
