/* oxlint-disable oxc/no-async-endpoint-handlers -- Express 5 hands rejections to the error handler */
import { Router } from 'express';
import { isAdmin } from '../../actions/context.ts';
import type { Services } from '../../actions/context.ts';
import { changePassword, deleteUser, logIn, lookUpUser, registerUser } from '../../actions/users.ts';
import { ApiError } from '../../errors.ts';
import { callOf, callerOf, maybeCaller } from '../call-context.ts';

/** Accounts and tokens (reference §1.1). */
export function userRoutes(services: Services): Router {
  const router = Router();
  router.get('/users', async (_request, response) => {
    if (!isAdmin(services, callerOf(response).user.email)) throw new ApiError(200);
    const users = await services.store.users.listWithApps();
    response.json(users.map(({ email, apps }) => ({ email, admin: isAdmin(services, email), apps })));
  });
  router.post('/users', async (request, response) => {
    await registerUser(services, maybeCaller(response), callOf(response), request.body);
    response.status(204).end();
  });
  router.get('/users/:email', async (request, response) => {
    const user = await lookUpUser(services, callerOf(response), request.params.email);
    response.json({ email: user.email, admin: isAdmin(services, user.email) });
  });
  router.put('/users/:email', async (request, response) => {
    await changePassword(services, callerOf(response), callOf(response), request.params.email, request.body);
    response.status(204).end();
  });
  router.delete('/users/:email', async (request, response) => {
    await deleteUser(services, callerOf(response), callOf(response), request.params.email);
    response.status(204).end();
  });
  router.post('/users/:email/tokens', async (request, response) => {
    const token = await logIn(services, maybeCaller(response), request.params.email, request.body);
    response.json({ token });
  });
  return router;
}
