import { describe, expect, it } from '@jest/globals';
import { gatewayPaths, handleSchema, offeringSchema, ServiceError, serviceErrors } from '../src/index.ts';

describe('the contract between cloud controller and gateway', () => {
  it('has no code twice', () => {
    const codes = Object.values(serviceErrors).map(({ code }) => code);
    expect(new Set(codes).size).toBe(codes.length);
  });

  it('says what was wrong', () => {
    const error = new ServiceError(serviceErrors.unknownPlan, 'gold $&');
    expect(error.body).toEqual({ code: 30003, description: 'Unknown plan gold $&' });
    expect(error.status).toBe(400);
  });

  it('reads handles of 2012 and of 2013', () => {
    const credentials = { name: 'd1' };
    const new2013 = { service_id: 'd1', configuration: { plan: 'free' }, credentials };
    const old2012 = { service_id: 'd1', data: { plan: 'free' }, credentials };
    expect(handleSchema.parse(old2012)).toEqual(handleSchema.parse(new2013));
  });

  it('refuses labels without a version', () => {
    expect(offeringSchema.safeParse({ label: 'mysql', url: 'http://a:1' }).success).toBe(false);
    expect(offeringSchema.safeParse({ label: 'rds-mysql-5.5', url: 'http://a:1', plans: null }).success).toBe(
      true,
    );
  });

  it('lets no id leave its place in a path', () => {
    expect(gatewayPaths.handle('a/../b', 'c?d')).toBe('/gateway/v1/configurations/a%2F..%2Fb/handles/c%3Fd');
  });
});
