export { backup, restore } from './backup.ts';
export { placesOf } from './places.ts';
export type { ConfigFiles, Place } from './places.ts';
