import { UsageError } from '../errors.ts';
import { commands } from './commands.ts';
import { flagSpecs } from './flags.ts';

/** A script that completes commands, flags and folders in this shell. */
export function completionScript(shell: string): string {
  const words = commands.map((spec) => spec.name).join(' ');
  const flags = flagSpecs.flatMap((spec) => spec.names.filter((name) => name.startsWith('--'))).join(' ');
  if (shell === 'bash')
    return `_vmc() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]}
  case $before in
    --path) COMPREPLY=($(compgen -d -- "$word")); return ;;
    -m|--manifest|--token-file) COMPREPLY=($(compgen -f -- "$word")); return ;;
  esac
  case $word in
    -*) COMPREPLY=($(compgen -W "${flags}" -- "$word")) ;;
    *) COMPREPLY=($(compgen -W "${words}" -- "$word")) ;;
  esac
}
complete -F _vmc vmc
`;
  if (shell === 'zsh')
    return `#compdef vmc
_vmc() {
  if [[ $words[CURRENT] == -* ]]; then
    compadd -- ${flags}
  elif (( CURRENT == 2 )); then
    compadd -- ${words}
  else
    _files
  fi
}
compdef _vmc vmc
`;
  throw new UsageError(`There is no completion for '${shell}'`, 'Use bash or zsh.');
}
