import { fileURLToPath } from 'node:url';

/** The folder of what we add to droplets, seen from this file and, once bundled, from dist/main.js. */
const folder = new URL(import.meta.url.endsWith('.ts') ? '../../assets/' : '../assets/', import.meta.url);

/** Where a file of `assets` is. */
export const assetPath = (name: string): string => fileURLToPath(new URL(name, folder));
