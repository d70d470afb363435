import { describe, expect, test } from '@jest/globals';
import { checkUrls, parseUrl } from '../../src/domain/urls.ts';
import type { UrlRules } from '../../src/domain/urls.ts';

const rules: UrlRules = {
  systemDomain: 'vcap.me',
  routerPort: 8080,
  allowExternal: false,
  reserved: new Set(['www']),
  own: new Set(['api.vcap.me']),
};
const user = { admin: false, maxUris: 4 };
const administrator = { admin: true, maxUris: 4 };

describe('a URL', () => {
  test.each([
    ['foo.vcap.me', 'foo', 'vcap.me'],
    [' HTTPS://Foo.VCAP.me/a/b?c#d ', 'foo', 'vcap.me'],
    ['foo.vcap.me:8080', 'foo', 'vcap.me'],
    ['http://foo.vcap.me:8080/', 'foo', 'vcap.me'],
    ['foo.vcap.me.', 'foo', 'vcap.me'],
    ['a.b.vcap.me', 'a.b', 'vcap.me'],
    ['a.b.example.com', 'a', 'b.example.com'],
    ['xvcap.me', 'xvcap', 'me'],
  ])('%s is host %s of domain %s', (typed, host, domain) => {
    expect(parseUrl(typed, rules)).toEqual({ host, domain, fqdn: `${host}.${domain}` });
  });

  test.each([
    '',
    'foo',
    'foo..vcap.me',
    '-foo.vcap.me',
    'foo_.vcap.me:81',
    'foo.vcap.me:99999',
    'user@foo.vcap.me',
    'ftp://foo.vcap.me',
    'foo bar.vcap.me',
    '*.vcap.me',
    'foo.vcap.me\r\nX: y',
    `${'a'.repeat(64)}.vcap.me`,
    `${'a.'.repeat(130)}vcap.me`,
  ])('%j is none', (typed) => {
    expect(() => parseUrl(typed, rules)).toThrow('Invalid URI');
  });
});

describe('the URLs of an app', () => {
  test('come back sorted and once each', () => {
    const routes = checkUrls(['b.vcap.me', 'A.vcap.me', 'http://b.vcap.me'], rules, user);
    expect(routes.map((route) => route.fqdn)).toEqual(['a.vcap.me', 'b.vcap.me']);
  });

  test('are counted before all else', () => {
    expect(() => checkUrls(['a', 'b', 'c', 'd', 'e'], rules, user)).toThrow(
      "Too many URIs: 5, you're allowed: 4",
    );
  });

  test('outside the system domain are for administrators, or when allowed', () => {
    expect(() => checkUrls(['www.example.com'], rules, user)).toThrow('External URIs are not enabled');
    expect(checkUrls(['www.example.com'], rules, administrator)).toHaveLength(1);
    expect(checkUrls(['www.example.com'], { ...rules, allowExternal: true }, user)).toHaveLength(1);
  });

  test('that are reserved are for administrators; those of the platform itself for nobody', () => {
    expect(() => checkUrls(['www.vcap.me'], rules, user)).toThrow('taken or reserved');
    expect(checkUrls(['www.vcap.me'], rules, administrator)).toHaveLength(1);
    expect(() => checkUrls(['api.vcap.me'], rules, administrator)).toThrow('taken or reserved');
    expect(() => checkUrls(['vcap.me'], rules, administrator)).toThrow('taken or reserved');
  });
});
