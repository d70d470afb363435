import { expect, test } from '@jest/globals';
import { planVisible } from '../../src/domain/service-visibility.ts';

test.each<[boolean, Parameters<typeof planVisible>[0]]>([
  [true, null],
  [true, {}],
  [true, { users: [], wildcards: [] }],
  [true, { users: ['Ann@X.dev'] }],
  [false, { users: ['bob@x.dev'] }],
  [true, { users: ['bob@x.dev'], wildcards: ['*@x.dev'] }],
  [true, { wildcards: ['a*n@*.dev'] }],
  [false, { wildcards: ['*@x.de'] }],
  [false, { wildcards: ['a.n@x.dev'] }],
  [false, { wildcards: ['ann@x.dev*dev'] }],
  [true, { plans: { other: { users: ['bob@x.dev'] } } }],
  [false, { plans: { free: { users: ['bob@x.dev'] } } }],
  [false, { users: ['bob@x.dev'], plans: { free: { users: ['ann@x.dev'] } } }],
])('%s for %j', (visible, acls) => {
  expect(planVisible(acls, 'free', 'ann@x.dev')).toBe(visible);
});
