/** Loaded where it is used, 8 MB: a module of our own, for a bundle cut in pieces keeps the names of such only. */
export { request } from 'undici';
