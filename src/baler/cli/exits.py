"""What the exit code of the program says."""

from __future__ import annotations

DATA_AT_FAULT = 1
CALLER_AT_FAULT = 2
BOUND_BROKEN = 3
INTERRUPTED = 130  # as shells say it: 128 and the number of the signal
BROKEN_PIPE = 141
TERMINATED = 143
