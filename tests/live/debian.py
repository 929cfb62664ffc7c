"""Programs of Debian's packages, without installing them: that would start servers."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path


def obtain(package: str, program: str) -> str:
    """Find a program, given as `usr/sbin/nginx`, or unpack the package beside the system.

    Raises RuntimeError when it could not be obtained.
    """
    cache = Path(os.environ.get("TMPDIR", "/var/tmp")) / f"remote-mailcfg-{package}-tests"
    unpacked = cache / program
    for place in (Path(program).name, f"/{program}", str(unpacked)):
        if found := shutil.which(place):
            return found
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as download:
        try:
            for command in (["apt-get", "-qq", "update"], ["apt-get", "-qq", "download", package]):
                subprocess.run(command, cwd=download, check=True, capture_output=True, text=True)
            [archive] = Path(download).glob(f"{package}_*.deb")
            subprocess.run(["dpkg-deb", "-x", archive, cache], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            reason = getattr(error, "stderr", None) or error
            message = f"{package} is missing and could not be obtained: {reason}"
            raise RuntimeError(message) from error
    return str(unpacked)
