"""Programs of Debian's packages; servers without installing them, which would start them."""

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


def install(program: str, *packages: str) -> str:
    """Find a program, given as `chromedriver`, or install packages, which start no server.

    Raises RuntimeError when they could not be installed.
    """
    if found := shutil.which(program):
        return found
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        for words in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
            command = ["apt-get", "-qq", *words]
            subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        reason = getattr(error, "stderr", None) or error
        message = f"{program} is missing and could not be installed: {reason}"
        raise RuntimeError(message) from error
    found = shutil.which(program)
    if found is None:
        raise RuntimeError(f"{program} is in none of {', '.join(packages)}")
    return found
