"""Ask whether an installed package has a known vulnerability; say so in one line where that cannot be asked.

    python scripts/audit

Ends with 1 when there is one. Packages that the service does not know are counted, and are no fault.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

SKIPPED = "pip-audit: skipped, its data cannot be reached"
LONGEST = 180  # seconds


def verdict(report: str) -> tuple[int, str]:
    """Return the exit status and what to say, of the JSON that pip-audit printed, which may be none."""
    try:
        packages: list[dict[str, Any]] = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return 0, SKIPPED
    asked = [package for package in packages if "skip_reason" not in package]
    if not asked:
        return 0, SKIPPED
    known = [
        f"{package['name']} {package['version']}: {hole['id']}"
        + (f", mended in {', '.join(hole['fix_versions'])}" if hole["fix_versions"] else "")
        for package in asked
        for hole in package["vulns"]
    ]
    told = f"pip-audit: {len(asked)} packages looked up, {len(packages) - len(asked)} not known to it"
    return min(len(known), 1), "\n".join([*known, f"{told}, {len(known)} known vulnerabilities"])


def main() -> int:
    """Run pip-audit on this environment and print what it found."""
    command = [sys.executable, "-m", "pip_audit", "--local", "--format=json", "--progress-spinner=off", "--timeout=5"]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=False)
    except subprocess.TimeoutExpired:
        print(SKIPPED)
        return 0
    status, told = verdict(run.stdout)
    print(told)
    return status


if __name__ == "__main__":
    sys.exit(main())
