"""pytest fixtures: a simulated site for each test that asks for one.

Needs `dsnap` and `dsnap-testkit` on the PATH, and nothing but Python.
"""

import json
import subprocess
from pathlib import Path

import pytest


class Site:
    """A site that runs: `storage`, `urls` and `access` are what its ready line says."""

    def __init__(self, process):
        self.process = process
        vars(self).update(json.loads(process.stdout.readline()))

    def ctl(self, *words):
        """Gives an order: ctl('commit', 10), ctl('fault', '502:leave:1'), ctl('crash')."""
        command = ["dsnap-testkit", "ctl", self.storage, *map(str, words)]
        done = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE)
        return done.stdout.strip()

    def verify(self, copy):
        """Whether a copy holds exactly what was committed; a sentence about it if not."""
        command = ["dsnap-testkit", "verify", str(copy), "--site", self.storage]
        done = subprocess.run(command, text=True, stdout=subprocess.PIPE)
        return None if done.returncode == 0 else done.stdout


@pytest.fixture
def site(tmp_path):
    command = ["dsnap-testkit", "site", "--storage", str(tmp_path / "ds")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield Site(process)
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def dsnap(site):
    """Runs dsnap on the site's storage; what it printed is in stdout and stderr."""

    def run(*words):
        command = ["dsnap", "--storage", site.storage, *map(str, words)]
        return subprocess.run(command, text=True, capture_output=True)

    return run


@pytest.fixture
def copy(tmp_path):
    return Path(tmp_path / "copy")
