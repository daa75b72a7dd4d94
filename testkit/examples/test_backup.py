"""Examples of what to test before a backup runs on the real site."""

import pytest


def test_a_backup_of_a_busy_site_is_good(site, dsnap, copy):
    site.ctl("commit", 20)
    assert dsnap("cp", "-a", f"{site.storage}/A", copy).returncode == 0
    assert site.verify(copy) is None


def test_a_backup_after_a_crash_is_good(site, dsnap, copy):
    site.ctl("commit", 20)
    site.ctl("crash")
    assert dsnap("cp", "-a", f"{site.storage}/A", copy).returncode == 0
    assert site.verify(copy) is None


def test_a_proxy_that_loses_answers_costs_no_backup(site, dsnap, copy):
    site.ctl("fault", "502:enter:1", "reset-after:leave:1")
    done = dsnap("cp", "-a", f"{site.storage}/A", copy)
    assert done.returncode == 0, done.stderr
    assert site.verify(copy) is None
    assert site.ctl("status") in ("in no snapshot", "") or "recombining" in site.ctl("status")


def test_a_storage_in_use_is_told_from_a_failure(site, dsnap):
    site.ctl("enter", "somebody-else")
    assert dsnap("true").returncode == 75
    site.ctl("leave", "somebody-else")


with_zeo = pytest.mark.site("--zeo", "--zopes", "2")


@with_zeo
def test_a_backup_needs_no_zope_if_zeo_runs(site, dsnap, copy):
    site.ctl("stop", "zope1")
    site.ctl("crash", "zope2")
    done = dsnap("cp", "-a", f"{site.storage}/A", copy)
    assert done.returncode == 0, done.stderr
    assert site.zeo in done.stderr
    assert site.verify(copy) is None


@with_zeo
def test_a_backup_after_a_crash_of_zeo_is_good(site, dsnap, copy):
    site.ctl("commit", 20)
    site.ctl("crash", "zeo")
    assert dsnap("cp", "-a", f"{site.storage}/A", copy).returncode == 0
    assert site.verify(copy) is None
