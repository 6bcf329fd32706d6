"""Stops one thread of a process, as a hang would, until standard input ends: `freeze.py TID`."""

import ctypes
import os
import sys

PTRACE_SEIZE = 0x4206
PTRACE_INTERRUPT = 0x4207
WALL = 0x40000000

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long
thread = int(sys.argv[1])
for request in (PTRACE_SEIZE, PTRACE_INTERRUPT):
    if libc.ptrace(request, thread, None, None) != 0:
        print("cannot stop it:", os.strerror(ctypes.get_errno()), flush=True)
        sys.exit(1)
os.waitpid(thread, WALL)
print("stopped", flush=True)
sys.stdin.read()
