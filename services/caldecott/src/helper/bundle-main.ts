/** Part of the build: writes the helper to `dist/bundle`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bundleHelper } from './bundle.ts';

const folder = fileURLToPath(new URL('../../dist/bundle/', import.meta.url));
const { release, files } = await bundleHelper();
mkdirSync(folder, { recursive: true });
for (const [name, text] of Object.entries(files)) writeFileSync(folder + name, text);
process.stdout.write(`helper ${release}: ${files['server.js']?.length ?? 0} bytes\n`);
