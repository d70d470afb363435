import { expect, test } from '@jest/globals';
import { databaseUrl, serviceMessage, stagingEnvironment } from '../../src/domain/service-environment.ts';
import { splitLabel, typeOfVendor } from '../../src/domain/service-labels.ts';
import type { BoundService } from '../../src/ports.ts';

const mysql: BoundService = {
  name: "it's mine",
  label: 'mysql-5.5',
  vendor: 'mysql',
  provider: 'core',
  version: '5.5',
  plan: 'free',
  planOption: null,
  tags: ['mysql', 'relational'],
  credentials: { name: 'd1', host: 'h', port: 3306, uri: 'mysql://u:p@h:3306/d1' },
};
const brokered: BoundService = {
  ...mysql,
  name: 'hr',
  label: 'hr_db-2.0',
  vendor: 'hr_db',
  credentials: { conn: 'x' },
};

test('a service has the fields of all eras in messages', () => {
  expect(serviceMessage(mysql)).toEqual({
    name: "it's mine",
    type: 'database',
    label: 'mysql-5.5',
    vendor: 'mysql',
    provider: 'core',
    version: '5.5',
    tags: ['mysql', 'relational'],
    plan: 'free',
    credentials: mysql.credentials,
  });
  expect(serviceMessage({ ...mysql, planOption: '2' })['plan_option']).toBe('2');
});

test.each([
  ['mysql://u:p@h:3306/d1', 'mysql2://u:p@h:3306/d1'],
  ['postgresql://u:p@h/d', 'postgres://u:p@h/d'],
  ['postgres://u:p@h/d', 'postgres://u:p@h/d'],
  ['db2://h/d', 'ibmdb://h/d'],
])('DATABASE_URL of %s is %s', (uri, url) => {
  expect(databaseUrl([brokered, { ...mysql, credentials: { uri } }, mysql], [])).toEqual([
    `DATABASE_URL=${url}`,
  ]);
});

test('there is no DATABASE_URL without a database, nor over the user’s own', () => {
  expect(databaseUrl([brokered, { ...mysql, credentials: { uri: 'amqp://x' } }], [])).toEqual([]);
  expect(databaseUrl([{ ...mysql, credentials: { uri: 'constructor://x' } }], [])).toEqual([]);
  expect(databaseUrl([mysql], ['A=1', 'DATABASE_URL=mine'])).toEqual([]);
});

test('staging sees what the application will see', () => {
  expect(stagingEnvironment([], [])).toEqual([]);
  const [services, old, url] = stagingEnvironment([mysql, { ...mysql, name: 'second' }, brokered], []);
  expect(JSON.parse(services!.slice('VCAP_SERVICES='.length))).toMatchObject({
    'mysql-5.5': [{ name: "it's mine", credentials: { name: 'd1' } }, { name: 'second' }],
    'hr_db-2.0': [{ name: 'hr', credentials: { conn: 'x' } }],
  });
  expect(JSON.parse(old!.slice('VMC_SERVICES='.length))[0]).toEqual({
    name: "it's mine",
    type: 'database',
    vendor: 'mysql',
    version: '5.5',
    tier: 'free',
    options: mysql.credentials,
  });
  expect(url).toBe('DATABASE_URL=mysql2://u:p@h:3306/d1');
});

test('labels are split at their last dash', () => {
  expect(splitLabel('rds-mysql-5.1')).toEqual({ name: 'rds-mysql', version: '5.1' });
  for (const label of ['mysql', '-1', 'mysql-', '']) expect(splitLabel(label)).toBeUndefined();
  expect([typeOfVendor('rds-mysql'), typeOfVendor('redis'), typeOfVendor('echo')]).toEqual([
    'database',
    'key-value',
    'generic',
  ]);
});
