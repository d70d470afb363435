import { leaveEngine } from './engine.ts';
import { projectOf, startedVariable } from './usable.ts';

export default async function tearDown(): Promise<void> {
  const project = process.env[projectOf];
  if (project !== undefined) await leaveEngine(project, process.env[startedVariable] !== undefined);
}
