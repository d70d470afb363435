/** Loaded where it is used: a module of our own, for a bundle cut in pieces keeps the names of such only. */
export { createPool } from 'mysql2';
