import type { FindDroplet, StopFilter } from '@vcap/bus';
import type { Instance } from './instance.ts';

/**
 * Whether a filter of `dea.stop` or `dea.find.droplet` names the instance: all given fields must agree; null or absent
 * is no filter and an empty list matches nothing. `instances` and `instance_ids` mean the same and are joined.
 */
export function matches(filter: StopFilter | FindDroplet, instance: Instance): boolean {
  const { message } = instance;
  if (filter.droplet !== message.droplet) return false;
  if (filter.version != null && filter.version !== message.version) return false;
  const ids = filter.instances ?? filter.instance_ids;
  if (ids != null && ![...(filter.instances ?? []), ...(filter.instance_ids ?? [])].includes(instance.id))
    return false;
  if (filter.indices != null && !filter.indices.includes(message.index)) return false;
  return filter.states == null || filter.states.includes(instance.state);
}

/**
 * Whether a stop means the instance: live ones always; a crashed one, whose files a user may still want to read, only
 * when it is named by id or by state.
 */
export function stopMatches(filter: StopFilter, instance: Instance): boolean {
  const named = filter.instances != null || filter.instance_ids != null || filter.states != null;
  return (instance.state !== 'CRASHED' || named) && matches(filter, instance);
}
