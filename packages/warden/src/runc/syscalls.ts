/**
 * System calls that applications may make, by what they are for. Everything else is refused: mounting, namespaces,
 * tracing and other processes' memory, modules, kernel keys, BPF, io_uring, clocks, quotas, swap, and what is new.
 */
export const ALLOWED = {
  files: `access faccessat faccessat2 open openat openat2 creat close close_range read readv pread64 preadv preadv2
    write writev pwrite64 pwritev pwritev2 lseek _llseek stat fstat lstat newfstatat statx statfs fstatfs stat64 fstat64
    lstat64 fstatat64 statfs64 fstatfs64 truncate ftruncate truncate64 ftruncate64 fallocate fadvise64 fadvise64_64
    readahead sendfile sendfile64 splice tee vmsplice copy_file_range sync syncfs fsync fdatasync sync_file_range dup
    dup2 dup3 fcntl fcntl64 flock ioctl umask`,
  names: `getcwd chdir fchdir mkdir mkdirat rmdir link linkat unlink unlinkat symlink symlinkat readlink readlinkat
    rename renameat renameat2 getdents getdents64 mknod mknodat chmod fchmod fchmodat fchmodat2 chown fchown lchown
    fchownat utime utimes utimensat futimesat utimensat_time64 getxattr lgetxattr fgetxattr setxattr lsetxattr fsetxattr
    listxattr llistxattr flistxattr removexattr lremovexattr fremovexattr inotify_init inotify_init1 inotify_add_watch
    inotify_rm_watch`,
  memory: `brk mmap mmap2 munmap mremap mprotect pkey_mprotect pkey_alloc pkey_free madvise mincore msync mlock mlock2
    munlock mlockall munlockall memfd_create membarrier get_mempolicy set_mempolicy mbind cachestat map_shadow_stack`,
  processes: `fork vfork execve execveat exit exit_group wait4 waitpid waitid getpid getppid gettid getpgid getpgrp
    setpgid getsid setsid getuid geteuid getgid getegid getresuid getresgid getgroups setuid setgid setreuid setregid
    setresuid setresgid setgroups setfsuid setfsgid capget capset prctl arch_prctl set_thread_area get_thread_area
    set_tid_address set_robust_list get_robust_list rseq futex futex_time64 futex_waitv futex_wake futex_wait
    futex_requeue getpriority setpriority ioprio_get ioprio_set sched_yield sched_getaffinity sched_setaffinity
    sched_getparam sched_setparam sched_getscheduler sched_setscheduler sched_get_priority_max sched_get_priority_min
    sched_rr_get_interval sched_getattr sched_setattr getrlimit setrlimit prlimit64 ugetrlimit getrusage times getcpu
    restart_syscall pidfd_open pidfd_send_signal seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self`,
  signals: `kill tkill tgkill pause alarm rt_sigaction rt_sigprocmask rt_sigpending rt_sigqueueinfo rt_tgsigqueueinfo
    rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 sigaltstack sigreturn signalfd signalfd4`,
  time: `time gettimeofday clock_gettime clock_gettime64 clock_getres clock_getres_time64 clock_nanosleep
    clock_nanosleep_time64 nanosleep getitimer setitimer timer_create timer_delete timer_gettime timer_settime
    timer_getoverrun timerfd_create timerfd_gettime timerfd_settime`,
  waiting: `poll ppoll ppoll_time64 select pselect6 pselect6_time64 _newselect epoll_create epoll_create1 epoll_ctl
    epoll_ctl_old epoll_wait epoll_wait_old epoll_pwait epoll_pwait2 eventfd eventfd2 pipe pipe2 io_setup io_destroy
    io_submit io_cancel io_getevents io_pgetevents`,
  network: `socketpair bind connect listen accept accept4 getsockname getpeername getsockopt setsockopt send sendto sendmsg
    sendmmsg recv recvfrom recvmsg recvmmsg recvmmsg_time64 shutdown`,
  ipc: `msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget mq_open
    mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr`,
  machine: `uname sysinfo getrandom`,
};

/** All of them. */
export const allowedCalls = (): string[] =>
  Object.values(ALLOWED).flatMap((names) => names.split(/\s+/).filter((name) => name !== ''));
