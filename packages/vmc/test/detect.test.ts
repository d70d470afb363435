import { expect, test } from '@jest/globals';
import { chooseRuntime, detectFramework } from '../src/app/detect.ts';
import { folder } from './support/temp.ts';

test.each([
  [{ 'config.ru': '', 'package.json': '{}' }, 'rack', 128],
  [{ 'hi.rb': "# an app\nrequire 'sinatra'\n" }, 'sinatra', 128],
  [{ 'hi.rb': 'puts "require \'sinatra\'"' }, 'standalone', 128],
  [{ 'wsgi.py': '' }, 'wsgi', 128],
  [{ 'package.json': '{}' }, 'node', 256],
  [{ 'server.js': '' }, 'node', 256],
  [{ 'app.js': '', 'index.html': '' }, 'node', 256],
  [{ 'index.js': '' }, 'node', 256],
  [{ 'package.json': '{"scripts":{"start":"x"}}', 'index.html': '' }, 'node', 256],
  [{ 'package.json': '{"scripts":{}}', 'index.html': '' }, 'static', 128],
  [{ 'index.html': '' }, 'static', 128],
  [{ 'sub/server.js': '' }, 'standalone', 128],
])('%j is %s with %i MB', async (files, name, memoryMb) => {
  expect(await detectFramework(await folder(files))).toMatchObject({ name, memoryMb });
});

test('the runtime of a standalone application follows its files', () => {
  expect(chooseRuntime(['a/b.py'], ['node', 'python3'])).toBe('python3');
  expect(chooseRuntime(['x.rb'], ['node', 'python3'])).toBe('node');
  expect(chooseRuntime(['x'], [])).toBeUndefined();
});
