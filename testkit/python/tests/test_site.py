"""A site, its orders, and what fails with which words."""

import inspect
import os
import signal
import subprocess
import sys
import time

import dsnap_testkit
import pytest
from dsnap_testkit import Failure

quiet = pytest.mark.dsnap_site(commits_per_second=0)


def copy_of(storage, folder):
    storage.dsnap("cp", "-a", storage.a, folder / "copy")
    return folder / "copy"


def test_a_wrong_copy_is_named_by_the_words_of_the_program(dsnap_site, tmp_path):
    copy = copy_of(dsnap_site, tmp_path)
    assert dsnap_site.verdict(copy)
    (copy / "x" / "serial").unlink()
    verdict = dsnap_site.verdict(copy)
    assert not verdict
    assert repr(verdict).startswith("the copy does not hold exactly the ")
    assert verdict.words.endswith("x/serial is missing")
    with pytest.raises(Failure, match="x/serial is missing"):
        dsnap_site.verify(copy)


def test_a_copy_that_cannot_be_read_is_not_a_wrong_copy(dsnap_site, tmp_path):
    copy_of(dsnap_site, tmp_path)
    with pytest.raises(Failure, match="cannot read the copy /no/such/copy") as failure:
        dsnap_site.verdict("/no/such/copy")
    assert failure.value.status == 2


def test_a_status_other_than_expected_fails_with_both_streams(dsnap_site):
    with pytest.raises(Failure) as failure:
        dsnap_site.run("sh", "-c", "echo out; echo err >&2; exit 3", status=4)
    assert str(failure.value) == "`sh -c 'echo out; echo err >&2; exit 3'` exited with status 3: out\nerr"
    assert dsnap_site.run("sh", "-c", "exit 3", status=3).status == 3
    assert dsnap_site.run("sh", "-c", "kill -9 $$", status=None).status == -9


@quiet
def test_every_order_reaches_the_site(dsnap_site):
    assert dsnap_site.state == "in no snapshot"
    dsnap_site.enter("other")
    assert dsnap_site.state == "user/other"
    assert dsnap_site.dsnap("true", status=75).stdout == ""
    dsnap_site.commit(3)
    dsnap_site.leave("other")
    dsnap_site.stop()
    with pytest.raises(Failure, match="no server has the storage open") as failure:
        dsnap_site.commit()
    assert failure.value.status == 69
    dsnap_site.start()
    dsnap_site.pack()
    assert dsnap_site.state == "packing"
    dsnap_site.end_packing()
    dsnap_site.crash()


@pytest.mark.dsnap_site(fault="401")
def test_a_fault_is_an_option_or_an_order_and_can_be_removed(dsnap_site):
    with pytest.raises(Failure, match="not authorised: http://.* answered 401 Unauthorized"):
        dsnap_site.dsnap("true")
    dsnap_site.no_faults()
    dsnap_site.fault("403:enter:1", server="zope1")
    assert " 403 Forbidden" in dsnap_site.dsnap("true", status=125).stderr
    dsnap_site.dsnap("true")
    with pytest.raises(Failure, match="unknown fault `earthquake`; the faults are:\n"):
        dsnap_site.fault("earthquake")


@pytest.mark.dsnap_site(zopes=2, zeo="Z4", zeo_password=True, answers="zope5", xmlrpc=False)
def test_a_site_has_the_servers_that_the_options_name(dsnap_site):
    assert len(dsnap_site.urls) == 2 and dsnap_site.url == dsnap_site.urls[0]
    dsnap_site.stop("zope1")
    dsnap_site.start("zope1")
    finished = dsnap_site.dsnap("true")
    assert "Entered snapshot using zeo " + dsnap_site.zeo in finished.stdout + finished.stderr


@quiet
def test_a_script_finds_the_site_in_its_environment(dsnap_site):
    names = ["STORAGE", "URL", "ACCESS"]
    script = "; ".join("echo $DSNAP_TESTKIT_" + name for name in names) + "; command -v dsnap"
    *found, program = dsnap_site.run("sh", "-c", script).stdout.splitlines()
    assert found == [str(dsnap_site.path), dsnap_site.url, str(dsnap_site.access)]
    assert program.endswith("/dsnap_testkit/bin/dsnap")


def test_a_site_that_stays_in_a_snapshot_fails():
    with pytest.raises(Failure, match="the storage is still in the snapshot user/forgotten"):
        with dsnap_testkit.site(commits_per_second=0) as site:
            site.enter("forgotten")
    with dsnap_testkit.site(commits_per_second=0, check=False) as site:
        site.enter("forgotten")
    assert not site.path.exists()


def test_a_failure_in_a_site_is_not_hidden_by_its_end():
    with pytest.raises(ValueError):
        with dsnap_testkit.site(commits_per_second=0) as site:
            site.enter("forgotten")
            raise ValueError


def test_a_site_that_cannot_start_fails_with_the_words_of_the_program(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Failure, match="is not empty, and was not made by dsnap-testkit"):
        with dsnap_testkit.site(tmp_path):
            pass


def test_a_site_ends_with_a_test_that_is_killed(tmp_path):
    program = "import dsnap_testkit, sys, time\n" \
        "with dsnap_testkit.site(sys.argv[1]): print(flush=True); time.sleep(600)\n"
    command = [sys.executable, "-c", program, str(tmp_path / "ds")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        port = tmp_path / "ds" / "misc" / "dsnap-testkit.port"
        assert port.exists()
        os.kill(process.pid, signal.SIGKILL)
    end = time.monotonic() + 60
    while port.exists():
        assert time.monotonic() < end, "the site still runs"
        time.sleep(0.01)


@pytest.mark.parametrize("command, function", [("site", dsnap_testkit.site), ("make", dsnap_testkit.storage)])
def test_every_option_of_the_program_is_an_option_of_the_function(dsnap_storage, command, function):
    said = dsnap_storage.run("dsnap-testkit", command, "--help").stdout
    lines = [line.split()[0] for line in said.splitlines() if line.strip().startswith("--")]
    options = {line.split("[")[0].split("=")[0].strip("-,") for line in lines}
    # Where the site is, and how its caller learns of that.
    options -= {"storage", "ready-file", "end-with-stdin", "help"}
    named = {"class": "storage_class"}
    expected = {named.get(option, option.replace("-", "_")) for option in options}
    assert expected == set(inspect.signature(function).parameters) - {"path", "check"}
