"""A seccomp-BPF filter through ctypes: no sockets, no new programs or processes, no tracing, no writing to files.

It refuses what a decoder never needs, so that it works with any libc; the few calls that are needed in one form
only (clone for threads, open for reading) are judged by their flags.
"""

import ctypes
import errno
import os
import struct
from dataclasses import dataclass

PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2

# linux/filter.h, linux/seccomp.h
LOAD_WORD = 0x20
JUMP_IF_EQUAL = 0x15
JUMP_IF_AT_LEAST = 0x35
JUMP_IF_ANY_BIT = 0x45
RETURN = 0x06
RET_ALLOW = 0x7FFF0000
RET_ERRNO = 0x00050000
RET_KILL_PROCESS = 0x80000000
OFFSET_NUMBER, OFFSET_ARCH, OFFSET_ARGS = 0, 4, 16

CLONE_THREAD = 0x00010000
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
X32_BIT = 0x40000000


@dataclass(frozen=True)
class Architecture:
    """Numbers of system calls. opens: call -> index of the argument that holds its flags."""

    audit: int
    denied: tuple[int, ...]
    clone: int
    opens: dict[int, int]
    has_x32: bool = False


# Since Linux 5.1 new calls have the same number everywhere: pidfd_send_signal, io_uring x 3, open_tree .. fsmount,
# pidfd_open, pidfd_getfd, process_madvise, mount_setattr, memfd_secret.
DENIED_EVERYWHERE = (424, 425, 426, 427, 428, 429, 430, 431, 432, 433, 434, 438, 440, 442, 447)
CLONE3, OPENAT2 = 435, 437

# fmt: off
X86_64 = Architecture(
    audit=0xC000003E,
    denied=(
        41, 42, 43, 44, 46, 49, 50, 53, 288, 307,  # socket connect accept sendto sendmsg bind listen socketpair ...
        57, 58, 59, 322,  # fork vfork execve execveat
        62, 200, 101, 310, 311,  # kill tkill ptrace process_vm_readv process_vm_writev
        29, 240, 319, 323,  # shmget mq_open memfd_create userfaultfd
        76, 82, 83, 84, 85, 86, 87, 88, 90, 91, 92, 93, 94, 133,  # truncate rename mkdir ... mknod
        258, 259, 260, 263, 264, 265, 266, 268, 316,  # the same with a directory: mkdirat ... renameat2
        105, 106, 113, 114, 116, 117, 119,  # setuid setgid setreuid setregid setgroups setresuid setresgid
        135, 154, 155, 161, 165, 166, 167, 168, 169, 170, 272, 308,  # personality modify_ldt ... unshare setns
        175, 176, 246, 313, 320, 321,  # init_module delete_module kexec_load finit_module kexec_file_load bpf
        248, 249, 250, 298, 303, 304,  # add_key request_key keyctl perf_event_open name_to_handle open_by_handle
    ),
    clone=56,
    opens={2: 1, 257: 2},
    has_x32=True,
)
AARCH64 = Architecture(
    audit=0xC00000B7,
    denied=(
        198, 199, 200, 201, 202, 203, 206, 211, 242, 269,  # socket socketpair bind listen accept connect send...
        221, 281,  # execve execveat
        129, 130, 117, 270, 271,  # kill tkill ptrace process_vm_readv process_vm_writev
        194, 180, 279, 282,  # shmget mq_open memfd_create userfaultfd
        45, 33, 34, 35, 36, 37, 38, 52, 53, 54, 55, 276,  # truncate mknodat mkdirat ... fchown renameat2
        143, 144, 145, 146, 147, 149, 159,  # setregid setgid setreuid setuid setresuid setresgid setgroups
        39, 40, 41, 51, 92, 97, 142, 161, 224, 225, 268,  # umount2 mount pivot_root chroot ... setns
        104, 105, 106, 273, 280, 294,  # kexec_load init_module delete_module finit_module bpf kexec_file_load
        217, 218, 219, 241, 264, 265,  # add_key request_key keyctl perf_event_open name_to_handle open_by_handle
    ),
    clone=220,
    opens={56: 2},
)
# fmt: on
ARCHITECTURES = {"x86_64": X86_64, "aarch64": AARCH64}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def install(machine: str) -> bool:
    """Filters this thread and those it starts, for good. Needs PR_SET_NO_NEW_PRIVS. Returns whether it took hold."""
    architecture = ARCHITECTURES.get(machine)
    if architecture is None:
        return False
    code = b"".join(filter_program(architecture))
    program = _Program(len(code) // 8, code)
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) == 0)


def filter_program(architecture: Architecture) -> list[bytes]:
    """The filter's instructions (8 bytes each)."""
    program = [
        _load(OFFSET_ARCH),
        _instruction(JUMP_IF_EQUAL, architecture.audit, 1, 0),
        _return(RET_KILL_PROCESS),
        _load(OFFSET_NUMBER),
    ]
    if architecture.has_x32:
        program += [_instruction(JUMP_IF_AT_LEAST, X32_BIT, 0, 1), _return(RET_KILL_PROCESS)]
    for number in (*architecture.denied, *DENIED_EVERYWHERE):
        program += _if_number(number, [_return(RET_ERRNO | errno.EPERM)])
    for number in (CLONE3, OPENAT2):
        # "Not there", so that libc falls back to the older call, whose flags can be seen.
        program += _if_number(number, [_return(RET_ERRNO | errno.ENOSYS)])
    program += _if_number(architecture.clone, _judged(0, CLONE_THREAD, RET_ALLOW, RET_ERRNO | errno.EPERM))
    for number, flags in architecture.opens.items():
        program += _if_number(number, _judged(flags, WRITING, RET_ERRNO | errno.EACCES, RET_ALLOW))
    return [*program, _return(RET_ALLOW)]


def _if_number(number: int, then: list[bytes]) -> list[bytes]:
    return [_instruction(JUMP_IF_EQUAL, number, 0, len(then)), *then]


def _judged(argument: int, bits: int, if_any: int, if_none: int) -> list[bytes]:
    return [
        _load(OFFSET_ARGS + 8 * argument),
        _instruction(JUMP_IF_ANY_BIT, bits, 0, 1),
        _return(if_any),
        _return(if_none),
    ]


def _load(offset: int) -> bytes:
    return _instruction(LOAD_WORD, offset, 0, 0)


def _return(value: int) -> bytes:
    return _instruction(RETURN, value, 0, 0)


def _instruction(code: int, value: int, if_true: int, if_false: int) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
