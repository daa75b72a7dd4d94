"""Storages, and verdicts on copies of them."""

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, Optional, Union

from ._programs import Failure, Finished, run

AnyPath = Union[str, Path]


class Verdict:
    """What `dsnap-testkit verify` says about a copy. It is true if the copy is right."""

    def __init__(self, finished: Finished) -> None:
        self.is_right = finished.status == 0
        #: The words of the program. They name the first difference of a wrong copy.
        self.words = finished.stdout.strip()

    def __bool__(self) -> bool:
        return self.is_right

    def __repr__(self) -> str:
        return self.words


class Storage:
    """A storage that the testkit made."""

    def __init__(self, path: AnyPath) -> None:
        #: The storage directory.
        self.path = Path(path)

    @property
    def a(self) -> Path:
        """The main directory, `A/`."""
        return self.path / "A"

    @property
    def environment(self) -> Dict[str, str]:
        """The variables in which a script finds the storage."""
        return {"DSNAP_TESTKIT_STORAGE": str(self.path)}

    def run(self, *command: Any, status: Optional[int] = 0) -> Finished:
        """Runs a command, with the variables of `environment`.

        The programs of this package are found first. Raises a Failure if the command exits with another
        status; `status=None` accepts every status.
        """
        __tracebackhide__ = True
        return run(command, status, self.environment)

    def dsnap(self, *words: Any, status: Optional[int] = 0) -> Finished:
        """Runs `dsnap --storage PATH` with these options and this command, as `run` does."""
        __tracebackhide__ = True
        return self.run("dsnap", "--storage", self.path, *words, status=status)

    def verdict(self, copy: AnyPath) -> Verdict:
        """Compares a copy of the storage, or of its `A/`, with what was committed.

        Raises a Failure if the copy cannot be read, or if the storage was neither closed nor in a snapshot.
        """
        __tracebackhide__ = True
        finished = self._compare(copy)
        if finished.status not in (0, 1):
            raise Failure(finished)
        return Verdict(finished)

    def verify(self, copy: AnyPath) -> None:
        """Raises a Failure unless the copy contains exactly what was committed."""
        __tracebackhide__ = True
        finished = self._compare(copy)
        if finished.status != 0:
            raise Failure(finished)

    def _compare(self, copy: AnyPath) -> Finished:
        return run(["dsnap-testkit", "verify", copy, "--site", self.path], status=None)


@contextmanager
def folder_of(path: Optional[AnyPath]) -> Iterator[Path]:
    """Yields a path, or one in a folder that is removed afterwards."""
    if path is not None:
        yield Path(path)
        return
    with tempfile.TemporaryDirectory(prefix="dsnap-") as folder:
        yield Path(folder) / "ds"


@contextmanager
def storage(
    path: Optional[AnyPath] = None,
    *,
    state: str = "crashed",
    format: str = "bushy",
    storage_class: str = "Full",
    transactions: int = 24
) -> Iterator[Storage]:
    """Makes a storage that no server has open, as `dsnap-testkit make` does.

    `dsnap-testkit make --help` explains the options. Without a path, the storage is temporary.
    """
    with folder_of(path) as directory:
        options = ["--state", state, "--format", format, "--class", storage_class]
        run(["dsnap-testkit", "make", directory, *options, "--transactions", transactions])
        yield Storage(directory)
