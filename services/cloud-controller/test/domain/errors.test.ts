import { expect, test } from '@jest/globals';
import { ApiError } from '../../src/errors.ts';

test('an error has the status and text of the table, with its arguments in order', () => {
  const error = new ApiError(307, 'ruby18', 'node');
  expect([error.status, error.code, error.description]).toEqual([
    400,
    307,
    "Invalid runtime specification [ruby18] for framework: 'node'",
  ]);
  expect(new ApiError(100, 'no fn').description).toBe('Bad request: no fn');
  expect(new ApiError(602, 5, '$&').description).toBe("Too many URIs: 5, you're allowed: $&");
});

test('a code outside the table is an internal error', () => {
  expect(new ApiError(9999)).toMatchObject({ status: 500, description: 'System Exception Encountered' });
});
