"""Asks the kernel for what an application must not have; says `what: refused (why)`, or what was got."""

import ctypes
import errno
import os
import platform
import socket
import sys

libc = ctypes.CDLL(None, use_errno=True)
NUMBERS = {
    "x86_64": {"unshare": 272, "finit_module": 313, "bpf": 321, "keyctl": 250, "io_uring_setup": 425, "setns": 308,
               "process_vm_readv": 310, "perf_event_open": 298, "userfaultfd": 323, "init_module": 175},
    "aarch64": {"unshare": 97, "finit_module": 273, "bpf": 280, "keyctl": 219, "io_uring_setup": 425, "setns": 268,
                "process_vm_readv": 270, "perf_event_open": 241, "userfaultfd": 282, "init_module": 105},
}[platform.machine()]
PTRACE_ATTACH = 16
CLONE_NEWUSER = 0x10000000


def told(what, result):
    code = ctypes.get_errno()
    refused = f"refused ({errno.errorcode.get(code, code)})" if result == -1 else f"got {result}"
    print(f"{what}: {refused}")


def tried(what, work):
    try:
        print(f"{what}: got {work()}")
    except OSError as error:
        print(f"{what}: refused ({errno.errorcode.get(error.errno, error.errno)})")


def call(name, *arguments):
    told(name, libc.syscall(NUMBERS[name], *arguments))


told("ptrace of 1", libc.ptrace(PTRACE_ATTACH, 1, None, None))
told("ptrace of its parent", libc.ptrace(PTRACE_ATTACH, os.getppid(), None, None))
call("process_vm_readv", os.getppid(), None, 0, None, 0, 0)
told("mount of tmpfs", libc.mount(b"none", b"/tmp", b"tmpfs", 0, None))
told("mount of proc", libc.mount(b"none", b"/tmp", b"proc", 0, None))
told("remount of /", libc.mount(None, b"/", None, 0x20 | 0x1000, None))
told("umount of /proc", libc.umount2(b"/proc", 2))
told("pivot by chroot", libc.chroot(b"/tmp"))
call("unshare", CLONE_NEWUSER)
call("setns", 0, 0)
call("finit_module", 0, b"", 0)
call("init_module", None, 0, b"")
call("bpf", 0, None, 0)
call("keyctl", 0, 0, 0, 0, 0)
call("perf_event_open", None, 0, -1, -1, 0)
call("io_uring_setup", 1, None)
call("userfaultfd", 0)
told("reboot", libc.reboot(0))
told("swapon", libc.swapon(b"/tmp/x", 0))
told("root's user id", libc.setuid(0))
told("host's name", libc.sethostname(b"x", 1))
tried("raw socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
tried("packet socket", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
tried("vsock", lambda: socket.socket(40, socket.SOCK_STREAM))
tried("device of a disk", lambda: os.mknod("/tmp/disk", 0o60666, os.makedev(7, 0)))
sys.exit(0)
