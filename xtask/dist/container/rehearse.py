"""Does what `docker compose run --rm rehearse` does, without an engine: rehearse.py CONTEXT STORE BASE.

Reads compose.yaml as docker-compose understands it, builds the images of its services with buildah, and runs
their commands in them. Images and volumes are kept in the folder STORE. The image of the rehearsal is built on the
programs in the folder BASE, in the place of a Debian. Containers of one buildah share network and processes with the
machine; the services of the file share them with each other. Also runs the image that contains only dsnap, as two
users.
"""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import yaml

CONTEXT, STORE, BASE = map(Path, sys.argv[1:])
BUILDAH = ["buildah", "--root", str(STORE / "root"), "--runroot", str(STORE / "run"), "--storage-driver", "vfs"]
CHROOT = ["--isolation", "chroot"]
UNKNOWN_USER = 12345
LEAVES_SNAPSHOT = "dsnap-testkit ctl /srv/ds enter forgotten"
ENGLISH = dict(os.environ, LC_ALL="C.UTF-8")


def output(command, status=0):
    """Runs a command, and returns what it prints. An unexpected exit status ends this program."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ENGLISH)
    if done.returncode != status:
        sys.exit(f"`{shlex.join(command)}` exited with status {done.returncode}, not {status}:\n{done.stdout}")
    return done.stdout


def buildah(*words):
    return output([*BUILDAH, *words])


def build(target, *words):
    """Builds an image that has the name of its target."""
    options = ["--layers=false", "--target", target, "--tag", target, "--build-arg", "BASE=localhost/base"]
    buildah("build", *CHROOT, *options, *words, str(CONTEXT))


class Container:
    """A container of an image, with the settings of a service."""

    def __init__(self, image, volumes=(), environment=None):
        self.name = buildah("from", "--pull-never", f"localhost/{image}").strip().splitlines()[-1]
        config = json.loads(buildah("inspect", self.name))["OCIv1"]["config"]
        self.entrypoint, self.default = config.get("Entrypoint") or [], config.get("Cmd") or []
        self.volumes = volumes
        self.options = [f"--volume={volume}" for volume in volumes]
        self.options += [f"--env={name}={value}" for name, value in (environment or {}).items()]

    def raw(self, words, *options):
        """The command line that runs words in the container."""
        return [*BUILDAH, "run", *CHROOT, *self.options, *options, self.name, "--", *words]

    def line(self, words=None, *options):
        """The command line that runs the entry point, with words in the place of the default ones."""
        return self.raw([*self.entrypoint, *(self.default if words is None else words)], *options)


def container(service, compose):
    """Builds the image of a service, and makes its container. Named volumes become folders."""
    target = service["build"]["target"]
    build(target)
    volumes = []
    for volume in service.get("volumes", []):
        name, place = volume.split(":")[:2]
        assert name in compose["volumes"], volume
        (STORE / "volumes" / name).mkdir(parents=True, exist_ok=True)
        volumes.append(f"{STORE / 'volumes' / name}:{place}")
    return Container(target, volumes, service.get("environment"))


def seconds(text):
    return float(text.rstrip("s"))


@contextmanager
def running(service, box):
    """Runs a service until its check succeeds, and ends it afterwards."""
    log = STORE / "service.log"
    with log.open("wb") as out:
        process = subprocess.Popen(box.line(service["command"]), stdout=out, stderr=out, start_new_session=True)
    check = service["healthcheck"]
    kind, *words = check["test"]
    assert kind == "CMD", check
    try:
        for _ in range(int(check["retries"])):
            if process.poll() is not None:
                sys.exit(f"the service ended with status {process.returncode}:\n{log.read_text()}")
            if subprocess.run(box.raw(words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0:
                break
            time.sleep(seconds(check["interval"]))
        else:
            sys.exit(f"the service is not healthy:\n{log.read_text()}")
        yield
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(60)


def main():
    # `timeout` ends a rehearsal that hangs. What it has started must end, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    file = str(CONTEXT / "compose.yaml")
    compose = yaml.safe_load(output(["docker-compose", "--file", file, "config"]))
    services = compose["services"]
    buildah("build", *CHROOT, "--tag", "base", "--file", str(BASE / "Containerfile"), str(BASE))
    boxes = {name: container(service, compose) for name, service in services.items()}
    site, rehearse = services["site"], services["rehearse"]
    for setting in ("network_mode", "pid"):
        assert rehearse[setting] == "service:site", setting
    assert rehearse["depends_on"]["site"]["condition"] == "service_healthy"
    with running(site, boxes["site"]):
        said = output(boxes["rehearse"].line(rehearse["command"]))
        assert "Entered snapshot using " in said and "the copy holds exactly the " in said, said
        forgetful = [word.replace("backup.sh", LEAVES_SNAPSHOT) for word in rehearse["command"]]
        said = output(boxes["rehearse"].line(forgetful), status=1)
        assert "still in the snapshot user/forgotten" in said, said
        alone(boxes["site"].volumes)
    print("rehearsed in containers: compose.yaml; dsnap alone, as two users")


def alone(volumes):
    """Runs the image of dsnap as a user whom the image does not know, and as root, who becomes that user."""
    build("dsnap")
    box = Container("dsnap", volumes)
    folder = STORE / "volumes" / "storage" / "closed"
    folder.mkdir()
    os.chown(folder, UNKNOWN_USER, UNKNOWN_USER)
    output(Container("testkit", volumes).line(["make", "/srv/closed"], f"--user={UNKNOWN_USER}"))
    for user in (UNKNOWN_USER, 0):
        said = output(box.line(["--storage", "/srv/closed"], f"--user={user}"))
        assert "Entered snapshot using direct access" in said and "Unlocked snapshot mode" in said, said


main()
