import { expect, test } from '@jest/globals';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { definerFilter } from '../src/transfer/definer-filter.ts';

const through = (chunks: string[]): Promise<string> =>
  text(Readable.from(chunks.map((chunk) => Buffer.from(chunk))).pipe(definerFilter()));

test.each([
  ['CREATE DEFINER=`u`@`%` PROCEDURE `p`()\nBEGIN END\n', 'CREATE PROCEDURE `p`()\nBEGIN END\n'],
  ['CREATE DEFINER=`a``b`@`%` FUNCTION f', 'CREATE FUNCTION f'],
  [
    '/*!50003 CREATE*/ /*!50017 DEFINER=`u`@`%`*/ /*!50003 TRIGGER t BEFORE INSERT */;;\n',
    '/*!50003 CREATE*/ /*!50017 */ /*!50003 TRIGGER t BEFORE INSERT */;;\n',
  ],
  [
    '/*!50106 CREATE*/ /*!50117 DEFINER=`u`@`%`*/ /*!50106 EVENT e */;;',
    '/*!50106 CREATE*/ /*!50117 */ /*!50106 EVENT e */;;',
  ],
  ['/*!50013 DEFINER=`u`@`%` SQL SECURITY DEFINER */\n', '/*!50013  SQL SECURITY DEFINER */\n'],
  [
    "INSERT INTO t VALUES ('CREATE DEFINER=`u`@`%` x');\n",
    "INSERT INTO t VALUES ('CREATE DEFINER=`u`@`%` x');\n",
  ],
  [" CREATE DEFINER=`u`@`%` x\n('a')", " CREATE DEFINER=`u`@`%` x\n('a')"],
  ['', ''],
  ['\n\n/', '\n\n/'],
  ['CREATE TABLE `DEFINER` (a INT);\n', 'CREATE TABLE `DEFINER` (a INT);\n'],
])('%j', async (given, wanted) => {
  expect(await through([given])).toBe(wanted);
  expect(await through(given.split(''))).toBe(wanted);
  expect(await through([`-- x\n${given}`, '\n-- y'])).toBe(`-- x\n${wanted}\n-- y`);
});

test('long lines pass as they come', async () => {
  const row = `/*!40000 ${'x'.repeat(5000)}`;
  const line = `INSERT INTO t VALUES ('${'y'.repeat(3_000_000)}');\n`;
  expect(await through([row, line, line])).toBe(row + line + line);
});
