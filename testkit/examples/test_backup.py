"""Examples of what to test before a backup runs on the real site: `pytest test_backup.py`.

They need the Python package dsnap-testkit, with its fixture `dsnap_site`.
"""

import pytest


@pytest.fixture
def back_up(dsnap_site, tmp_path):
    """A function that backs up the site, and returns the path of the copy."""

    def copy():
        dsnap_site.dsnap("cp", "-a", dsnap_site.a, tmp_path / "copy")
        return tmp_path / "copy"

    return copy


def test_a_backup_of_a_busy_site_is_right(dsnap_site, back_up):
    dsnap_site.commit(20)
    dsnap_site.verify(back_up())


def test_a_backup_after_a_crash_is_right(dsnap_site, back_up):
    dsnap_site.commit(20)
    dsnap_site.crash()
    dsnap_site.verify(back_up())


@pytest.mark.dsnap_site(fault=["502:enter:1", "reset-after:leave:1"])
def test_a_proxy_that_loses_answers_costs_no_backup(dsnap_site, back_up):
    dsnap_site.verify(back_up())


def test_a_storage_in_use_is_told_from_a_failure(dsnap_site):
    dsnap_site.enter("somebody-else")
    dsnap_site.dsnap("true", status=75)
    dsnap_site.leave("somebody-else")


with_zeo = pytest.mark.dsnap_site(zeo=True, zopes=2)


@with_zeo
def test_a_backup_needs_no_zope_if_zeo_runs(dsnap_site, back_up):
    dsnap_site.stop("zope1")
    dsnap_site.crash("zope2")
    dsnap_site.verify(back_up())


@with_zeo
def test_a_backup_after_a_crash_of_zeo_is_right(dsnap_site, back_up):
    dsnap_site.commit(20)
    dsnap_site.crash("zeo")
    dsnap_site.verify(back_up())
