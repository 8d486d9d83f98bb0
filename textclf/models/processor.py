"""What this machine's processor can do."""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path

NARROW = 63  # weights up to this cannot overflow where two products of bytes are added in 16 bits
BYTE_PRODUCTS = {"avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm"}


@cache
def features() -> frozenset[str]:
    """Return the instruction sets that Linux names for the first core; none where it does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    named = next((line for line in lines if line.lower().startswith(("flags", "features"))), "")
    return frozenset(named.partition(":")[2].split())


def multiplies_bytes() -> bool:
    """Tell whether the processor adds products of bytes in 32 bits, so that they cannot overflow on the way.

    Older x86 processors add two products in 16 bits; weights must stay half as large there.
    """
    return platform.machine().lower() in ("arm64", "aarch64") or bool(features() & BYTE_PRODUCTS)
