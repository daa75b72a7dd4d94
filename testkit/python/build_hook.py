"""Puts the programs into the wheel, and names the platform that they run on."""

import os
import sysconfig
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PROGRAMS = ("dsnap", "dsnap-testkit")


class Programs(BuildHookInterface):
    """Reads two variables: DSNAP_PROGRAMS, the folder of the programs, and DSNAP_PLATFORM.

    Without DSNAP_PLATFORM, the wheel is for machines like this one, because this hook does not know which C
    library the programs need.
    """

    def initialize(self, version, build_data):
        folder = os.environ.get("DSNAP_PROGRAMS")
        if not folder:
            raise SystemExit("DSNAP_PROGRAMS must name the folder of dsnap and dsnap-testkit")
        for name in PROGRAMS:
            program = Path(folder, name)
            if not os.access(str(program), os.X_OK):
                raise SystemExit("{} is not an executable file: build it first".format(program))
            build_data["force_include"][str(program)] = "dsnap_testkit/bin/" + name
        here = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = "py3-none-" + os.environ.get("DSNAP_PLATFORM", here)
