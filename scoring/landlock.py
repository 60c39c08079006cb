"""Landlock through ctypes: after it, this process can open one file for reading and nothing else. Linux >= 5.13."""

import ctypes
import os
from pathlib import Path

# The same numbers on every architecture.
SYS_CREATE_RULESET = 444
SYS_ADD_RULE = 445
SYS_RESTRICT_SELF = 446

CREATE_RULESET_VERSION = 1
RULE_PATH_BENEATH = 1
READ_FILE = 1 << 2

# The number of file system rights that each version of the interface knows.
RIGHTS_BY_VERSION = {1: 13, 2: 14, 3: 15, 4: 15}
RIGHTS_LATEST = 16
TCP_BIND_AND_CONNECT = 0b11
NETWORK_SINCE = 4


class _RulesetAttr(ctypes.Structure):
    _fields_ = (("handled_access_fs", ctypes.c_uint64), ("handled_access_net", ctypes.c_uint64))


class _PathBeneathAttr(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def allow_reading_only(readable: Path | None) -> bool:
    """Needs PR_SET_NO_NEW_PRIVS. Returns whether the kernel took it."""
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(SYS_CREATE_RULESET, None, ctypes.c_size_t(0), CREATE_RULESET_VERSION)
    if version < 1:
        return False
    ruleset = _create_ruleset(libc, version)
    if ruleset < 0:
        return False
    try:
        if readable is not None:
            _allow(libc, ruleset, readable)
        return bool(libc.syscall(SYS_RESTRICT_SELF, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _create_ruleset(libc: ctypes.CDLL, version: int) -> int:
    rights = (1 << RIGHTS_BY_VERSION.get(version, RIGHTS_LATEST)) - 1
    network = TCP_BIND_AND_CONNECT if version >= NETWORK_SINCE else 0
    attr = _RulesetAttr(rights, network)
    # The second field is unknown to older kernels, which refuse a size that they don't know.
    size = ctypes.sizeof(attr) if version >= NETWORK_SINCE else ctypes.sizeof(ctypes.c_uint64)
    return int(libc.syscall(SYS_CREATE_RULESET, ctypes.byref(attr), ctypes.c_size_t(size), 0))


def _allow(libc: ctypes.CDLL, ruleset: int, readable: Path) -> None:
    file = os.open(readable, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = _PathBeneathAttr(READ_FILE, file)
        libc.syscall(SYS_ADD_RULE, ruleset, RULE_PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(file)
