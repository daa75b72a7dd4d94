"""The programs that this package contains, and how they are started."""

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, Mapping, NoReturn, Optional

FOLDER = Path(__file__).resolve().parent / "bin"


class Finished:
    """How a program ended, and what it said."""

    def __init__(self, command: List[str], status: int, stdout: str, stderr: str) -> None:
        self.command = command
        #: The exit status; -N if signal N ended the program.
        self.status = status
        self.stdout = stdout
        self.stderr = stderr

    def __repr__(self) -> str:
        said = "\n".join(filter(None, [self.stdout.strip(), self.stderr.strip()]))
        return "`{}` {}: {}".format(line(self.command), ending(self.status), said or "no output")


class Failure(AssertionError):
    """A program did not end as expected. The text contains what the program said."""

    def __init__(self, finished: Finished) -> None:
        super().__init__(repr(finished))
        self.finished = finished

    @property
    def status(self) -> int:
        """The exit status of the program."""
        return self.finished.status


def line(command: List[str]) -> str:
    """Returns a command as a user would type it."""
    return " ".join(map(shlex.quote, command))


def ending(status: int) -> str:
    """Says how a program ended."""
    if status < 0:
        return "was ended by signal {}".format(-status)
    return "exited with status {}".format(status)


def command_of(words: Any) -> List[str]:
    """Returns the words of a command; numbers and paths become text."""
    return [word if isinstance(word, str) else os.fsdecode(word) if isinstance(word, bytes)
            else str(word) for word in words]


def environment(more: Optional[Mapping[str, str]] = None) -> Dict[str, str]:
    """Returns an environment in which the programs of this package are found first."""
    found = dict(os.environ)
    found["PATH"] = os.pathsep.join([str(FOLDER), found.get("PATH", os.defpath)])
    found.update(more or {})
    return found


def run(
    words: Any, status: Optional[int] = 0, more: Optional[Mapping[str, str]] = None
) -> Finished:
    """Runs a command to its end. Raises a Failure if it exits with another status.

    With `status=None`, every exit status is accepted.
    """
    __tracebackhide__ = True
    command = command_of(words)
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        env=environment(more),
    )
    finished = Finished(command, done.returncode, done.stdout, done.stderr)
    if status is not None and done.returncode != status:
        raise Failure(finished)
    return finished


def become(name: str) -> NoReturn:
    """Replaces this process by a program of the package, with the arguments of this process."""
    # Python ignores these signals, and the program would inherit that.
    for name_of_signal in ("SIGPIPE", "SIGXFSZ"):
        signal.signal(getattr(signal, name_of_signal), signal.SIG_DFL)
    os.execv(str(FOLDER / name), [name] + sys.argv[1:])


def run_dsnap() -> NoReturn:
    """The console script `dsnap`."""
    become("dsnap")


def run_testkit() -> NoReturn:
    """The console script `dsnap-testkit`."""
    become("dsnap-testkit")
