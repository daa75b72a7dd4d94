"""pytest fixtures: a simulated site for each test that uses one.

The programs `dsnap` and `dsnap-testkit` must be on the PATH. `@pytest.mark.site("--zeo")` adds options of
`dsnap-testkit site` for one test.
"""

import json
import subprocess
from pathlib import Path

import pytest


class Site:
    """A running site. The line that it prints first sets `storage`, `urls`, `zeo` and `access`."""

    def __init__(self, process):
        self.process = process
        vars(self).update(json.loads(process.stdout.readline()))

    def ctl(self, *words):
        """Sends a command: ctl('commit', 10), ctl('fault', '502:leave:1'), ctl('crash')."""
        command = ["dsnap-testkit", "ctl", self.storage, *map(str, words)]
        done = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE)
        return done.stdout.strip()

    def verify(self, copy):
        """Returns None if the copy contains exactly what was committed, or else the difference."""
        command = ["dsnap-testkit", "verify", str(copy), "--site", self.storage]
        done = subprocess.run(command, text=True, stdout=subprocess.PIPE)
        return None if done.returncode == 0 else done.stdout


def pytest_configure(config):
    config.addinivalue_line("markers", "site(*options): options of `dsnap-testkit site`")


@pytest.fixture
def site(tmp_path, request):
    marks = request.node.iter_markers("site")
    options = [option for mark in marks for option in mark.args]
    command = ["dsnap-testkit", "site", "--storage", str(tmp_path / "ds"), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield Site(process)
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def dsnap(site):
    """Runs dsnap on the storage of the site. The result has returncode, stdout and stderr."""

    def run(*words):
        command = ["dsnap", "--storage", site.storage, *map(str, words)]
        return subprocess.run(command, text=True, capture_output=True)

    return run


@pytest.fixture
def copy(tmp_path):
    return Path(tmp_path / "copy")
