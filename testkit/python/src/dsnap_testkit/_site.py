"""A running site: a storage, its server, and the Zopes and the ZEO server in front of it."""

import json
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Dict, Iterator, List, Optional, Sequence, Union

from ._programs import Failure, Finished, command_of, environment, run
from ._storage import AnyPath, Storage, folder_of

#: How long a site may take to end, in seconds.
END_TIMEOUT = 60


class Site(Storage):
    """A simulated site.

    Orders go to the server that has the storage open, or to the `server` that is named: "zope1", "zope2",
    ..., "zeo". An order that the site refuses raises a Failure: status 75 means that the storage is in
    use, 69 that no server has it open.
    """

    def __init__(self, path: AnyPath, ready: Dict[str, Any]) -> None:
        super().__init__(path)
        #: The URL of the toolkit of each Zope.
        self.urls = ready["urls"]  # type: List[str]
        #: The address of the ZEO server, or None: HOST:PORT, or the path of a socket.
        self.zeo = ready["zeo"]  # type: Optional[str]
        #: The file that contains user and password for the Zopes.
        self.access = Path(ready["access"])

    @property
    def url(self) -> str:
        """The URL of the toolkit of the first Zope."""
        return self.urls[0]

    @property
    def environment(self) -> Dict[str, str]:
        """The variables in which a script finds the site, as `dsnap-testkit run` sets them."""
        found = super().environment
        found.update(DSNAP_TESTKIT_URL=" ".join(self.urls), DSNAP_TESTKIT_ACCESS=str(self.access))
        found.update({"DSNAP_TESTKIT_ZEO": self.zeo} if self.zeo else {})
        return found

    @property
    def state(self) -> str:
        """The snapshot code of the storage, such as "user/CODE" or "packing", or "in no snapshot"."""
        return self.ctl("status")

    def ctl(self, *words: Any) -> str:
        """Sends an order of `dsnap-testkit ctl`; returns the answer."""
        __tracebackhide__ = True
        return run(["dsnap-testkit", "ctl", self.path, *words]).stdout.strip()

    def commit(self, count: int = 1) -> None:
        """Commits a number of transactions."""
        __tracebackhide__ = True
        self.ctl("commit", count)

    def enter(self, code: str = "testkit") -> None:
        """Enters a snapshot, as another tool would."""
        __tracebackhide__ = True
        self.ctl("enter", code)

    def leave(self, code: str = "testkit") -> None:
        """Leaves the snapshot with this code."""
        __tracebackhide__ = True
        self.ctl("leave", code)

    def pack(self) -> None:
        """Begins to pack the storage, until `end_packing`."""
        __tracebackhide__ = True
        self.ctl("pack")

    def end_packing(self) -> None:
        """Ends packing."""
        __tracebackhide__ = True
        self.ctl("end-packing")

    def stop(self, server: Optional[str] = None) -> None:
        """Stops a server cleanly."""
        __tracebackhide__ = True
        self.ctl("stop", *named(server))

    def start(self, server: Optional[str] = None) -> None:
        """Starts a server again, at the same address."""
        __tracebackhide__ = True
        self.ctl("start", *named(server))

    def crash(self, server: Optional[str] = None) -> None:
        """Kills a server, as `kill -9` does."""
        __tracebackhide__ = True
        self.ctl("crash", *named(server))

    def fault(self, *faults: str, server: Optional[str] = None) -> None:
        """Adds faults, such as "502:leave:1": `dsnap-testkit ctl DIR fault` lists them all."""
        __tracebackhide__ = True
        self.ctl("fault", *named(server), *faults)

    def no_faults(self, server: Optional[str] = None) -> None:
        """Removes the faults of a server, or of all."""
        __tracebackhide__ = True
        self.ctl("fault", *named(server), "none")

    def check(self) -> None:
        """Raises a Failure if the storage is still in a snapshot once all calls of clients have ended."""
        __tracebackhide__ = True
        self.ctl("check")


def named(server: Optional[str]) -> List[str]:
    """Returns the word of an order that names a server, if one is named."""
    return [] if server is None else [server]


@contextmanager
def site(
    path: Optional[AnyPath] = None,
    *,
    zopes: int = 1,
    answers: str = "zope2",
    xmlrpc: bool = True,
    debug_mode: bool = False,
    zeo: Union[bool, str] = False,
    zeo_socket: bool = False,
    zeo_password: bool = False,
    commits_per_second: int = 20,
    flush_time: int = 0,
    fault: Union[str, Sequence[str]] = (),
    check: bool = True
) -> Iterator[Site]:
    """Runs a site, as `dsnap-testkit site` does.

    `dsnap-testkit site --help` explains the options. `zeo=True` adds a ZEO server, `zeo="Z4"` one of that
    version. Without a path, the storage is temporary. At the end, raises a Failure if the storage is still in
    a snapshot, unless `check` is false.
    """
    faults = [fault] if isinstance(fault, str) else fault
    options = ["--zopes", zopes, "--answers", answers, "--xmlrpc", "on" if xmlrpc else "off"]
    options += ["--commits-per-second", commits_per_second, "--flush-time", flush_time]
    options += ["--debug-mode"] if debug_mode else []
    options += ["--zeo" if zeo is True else "--zeo={}".format(zeo)] if zeo else []
    options += ["--zeo-socket"] if zeo_socket else []
    options += ["--zeo-password"] if zeo_password else []
    options += [word for one in faults for word in ("--fault", one)]
    with folder_of(path) as directory, running(directory, options) as started:
        yield started
        if check:
            started.check()


@contextmanager
def running(directory: Path, options: List[Any]) -> Iterator[Site]:
    """Starts a site, and ends it afterwards."""
    command = command_of(["dsnap-testkit", "site", "--storage", directory, *options])
    with tempfile.TemporaryFile() as stderr:
        process = subprocess.Popen(
            # The site ends when its stdin is closed, so it ends even if this process is killed.
            command + ["--end-with-stdin"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            encoding="utf-8",
            env=environment(),
            # Ctrl-C must end the test only: the site must still answer while the test ends.
            start_new_session=True,
        )
        try:
            line = process.stdout.readline()
            if line:
                yield Site(directory, json.loads(line))
        finally:
            finished = end(process, command, stderr)
        if finished.status != 0:
            raise Failure(finished)


def end(process: Any, command: List[str], stderr: IO[bytes]) -> Finished:
    """Ends a site, and returns how it ended."""
    process.stdin.close()
    try:
        status = process.wait(END_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        status = process.wait()
    process.stdout.close()
    stderr.seek(0)
    return Finished(command, status, "", stderr.read().decode("utf-8", "replace"))
