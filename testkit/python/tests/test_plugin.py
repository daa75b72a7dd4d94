"""The pytest plugin, as a test and its output show it."""

import pytest


def run(pytester, text):
    pytester.makepyfile("import pytest\n\n" + text)
    return pytester.runpytest("-p", "no:cacheprovider")


def test_a_test_that_leaves_a_snapshot_is_red(pytester):
    result = run(pytester, "def test_forgetful(dsnap_site):\n    dsnap_site.enter('forgotten')\n")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["E *the storage is still in the snapshot user/forgotten"])


def test_a_mark_of_a_test_replaces_that_of_its_module(pytester):
    result = run(pytester, """
pytestmark = pytest.mark.dsnap_site(zopes=2, commits_per_second=0)

@pytest.mark.dsnap_site(zopes=3)
def test_mark(dsnap_site):
    assert len(dsnap_site.urls) == 3

@pytest.mark.parametrize("dsnap_site", [{}, {"zeo": True}], indirect=True)
def test_parameter(dsnap_site, request):
    assert len(dsnap_site.urls) == 2
    assert (dsnap_site.zeo is not None) == ("site1" in request.node.name)
""")
    result.assert_outcomes(passed=3)


def test_a_mark_without_names_says_so(pytester):
    result = run(pytester, "@pytest.mark.dsnap_site(2)\ndef test_it(dsnap_site): pass\n")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*takes options by name only, such as zopes=2*"])


def test_the_marks_are_registered(pytester):
    lines = pytester.runpytest("--markers").stdout.str()
    assert "@pytest.mark.dsnap_site(**options)" in lines
    assert "@pytest.mark.dsnap_storage(**options)" in lines


@pytest.mark.parametrize("dsnap_storage", [{}, {"state": "in-snapshot", "format": "flat"}], indirect=True)
def test_a_storage_is_recovered_before_it_is_copied(dsnap_storage, tmp_path):
    dsnap_storage.dsnap("cp", "-a", dsnap_storage.a, tmp_path / "copy")
    dsnap_storage.verify(tmp_path / "copy")
