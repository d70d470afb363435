import { param, parsed, route } from '@vcap/service-base';
import { Router } from 'express';
import type { Broker } from '../broker.ts';
import { registrationSchema } from '../domain/brokered-service.ts';
import type { ServiceStore } from '../adapters/service-store.ts';

/** Register, list and remove; 2012 says `poc` where 2013 says `v1`. */
export function offeringRoutes(broker: Broker, store: ServiceStore): Router {
  const router = Router();
  for (const era of ['poc', 'v1']) {
    const path = `/service-broker/${era}/offerings`;
    router.post(
      path,
      route(async (request, response) => {
        await broker.register(parsed(registrationSchema, request));
        response.json({});
      }),
    );
    router.delete(
      `${path}/:label`,
      route(async (request, response) => {
        await broker.remove(param(request, 'label'));
        response.json({});
      }),
    );
    // Ours, for the command line. Credentials are told to applications alone.
    router.get(path, (_request, response) => {
      const offerings = store.all().map(({ label, registeredAs, description, provider, acls }) => ({
        label,
        registered_as: registeredAs,
        description,
        provider,
        acls,
      }));
      response.json({ offerings });
    });
  }
  return router;
}
