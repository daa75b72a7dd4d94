"""The pytest plugin: a site or a storage of its own for each test that asks for one.

A mark sets options: `@pytest.mark.dsnap_site(zopes=2, zeo=True)`. So does an indirect parameter, which is a
dictionary of options: `@pytest.mark.parametrize("dsnap_site", [{}, {"zeo": "Z4"}], indirect=True)`.
"""

from typing import Any, Dict

import pytest

from ._site import site
from ._storage import storage


def pytest_configure(config: Any) -> None:
    for name, program in (("dsnap_site", "site"), ("dsnap_storage", "make")):
        text = "{}(**options): options of the fixture {}; see `dsnap-testkit {} --help`"
        config.addinivalue_line("markers", text.format(name, name, program))


def options(request: Any, fixture: str) -> Dict[str, Any]:
    """Collects the options of a fixture. A mark of the test replaces those of its class and module."""
    found = {}  # type: Dict[str, Any]
    for mark in reversed(list(request.node.iter_markers(fixture))):
        if mark.args:
            text = "@pytest.mark.{} takes options by name only, such as zopes=2"
            pytest.fail(text.format(fixture), pytrace=False)
        found.update(mark.kwargs)
    found.update(getattr(request, "param", {}))
    return found


@pytest.fixture
def dsnap_site(tmp_path: Any, request: Any) -> Any:
    """A simulated site that keeps committing. The test fails if it leaves the storage in a snapshot."""
    with site(tmp_path / "ds", **options(request, "dsnap_site")) as running:
        yield running


@pytest.fixture
def dsnap_storage(tmp_path: Any, request: Any) -> Any:
    """A storage that no server has open, as a crash or a clean stop left it."""
    with storage(tmp_path / "storage", **options(request, "dsnap_storage")) as made:
        yield made
