/* oxlint-disable oxc/no-async-endpoint-handlers -- Express 5 hands rejections to the error handler */
import { Router } from 'express';
import { audit } from '../../../actions/context.ts';
import type { Services } from '../../../actions/context.ts';
import { ownInstance } from '../../../actions/services/binding-tokens.ts';
import { endTunnel, openTunnel, ownSession, renewTunnel } from '../../../actions/services/tunnels.ts';
import type { OpenedTunnel } from '../../../actions/services/tunnels.ts';
import { callOf, callerOf } from '../../call-context.ts';

/** Sessions of direct tunnels: open, renew before the ticket ends, end. */
export function tunnelRoutes(services: Services): Router {
  const router = Router();
  const present = ({ session, ticket, expiresAt }: OpenedTunnel) => ({
    session,
    /** Host name of the endpoint at the routers. */
    uri: services.settings.tunnel?.externalUri,
    ticket,
    expires_in: Math.max(0, Math.floor((expiresAt - services.clock.now()) / 1000)),
  });

  router.post('/services/v1/configurations/:id/tunnels', async (request, response) => {
    const caller = callerOf(response);
    const instance = await ownInstance(services, caller, request.params.id);
    const opened = await openTunnel(services, caller, callOf(response), instance);
    const { credentials } = opened;
    response.set('Cache-Control', 'no-store').json({ ...present(opened), credentials });
  });
  router.put('/services/v1/tunnels/:session', async (request, response) => {
    const renewed = await renewTunnel(services, callerOf(response), request.params.session);
    response.set('Cache-Control', 'no-store').json(present(renewed));
  });
  router.delete('/services/v1/tunnels/:session', async (request, response) => {
    const caller = callerOf(response);
    const call = callOf(response);
    const session = await ownSession(services, caller, request.params.session);
    await endTunnel(services, call, session, 'its user ended it');
    await audit(services, caller, call, {
      type: 'tunnel.end',
      targetType: 'service',
      target: session.guid,
    });
    response.json({});
  });
  return router;
}
