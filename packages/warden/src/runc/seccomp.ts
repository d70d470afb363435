import { allowedCalls } from './syscalls.ts';

const EPERM = 1;
const ENOSYS = 38;
/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET: no namespace inside of a container. */
const CLONE_NEW = 0x7e_02_00_00;
/** AF_UNIX, AF_INET, AF_INET6 and AF_NETLINK, which programs ask for their own addresses. */
const SOCKET_FAMILIES = [1, 2, 10, 16];
/** Linux as it is, and the question which one it is. */
const PERSONALITIES = [0, 0xff_ff_ff_ff];

const ARCHITECTURES: Partial<Record<string, string>> = {
  x64: 'SCMP_ARCH_X86_64',
  arm64: 'SCMP_ARCH_AARCH64',
};

interface Rule {
  names: string[];
  action: string;
  errnoRet?: number;
  args?: { index: number; value: number; valueTwo?: number; op: string }[];
}

const equal = (name: string, value: number): Rule => ({
  names: [name],
  action: 'SCMP_ACT_ALLOW',
  args: [{ index: 0, value, op: 'SCMP_CMP_EQ' }],
});

/** The filter for applications: what is not listed is refused with EPERM. */
export function seccompProfile(arch: string = process.arch): Record<string, unknown> {
  const architecture = ARCHITECTURES[arch];
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: EPERM,
    ...(architecture === undefined ? {} : { architectures: [architecture] }),
    syscalls: [
      { names: allowedCalls(), action: 'SCMP_ACT_ALLOW' },
      // Its flags are in memory, where a filter cannot look; C libraries go back to clone.
      { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS },
      {
        names: ['clone'],
        action: 'SCMP_ACT_ALLOW',
        // CLONE_NEWTIME shares its bit with the signal at exit: only clone3 and unshare know it.
        args: [{ index: 0, value: CLONE_NEW, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }],
      },
      ...SOCKET_FAMILIES.map((family) => equal('socket', family)),
      ...PERSONALITIES.map((personality) => equal('personality', personality)),
    ] satisfies Rule[],
  };
}
