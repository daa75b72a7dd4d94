"""Simulated DirectoryStorage sites for tests in Python.

The package contains the programs `dsnap` and `dsnap-testkit`, and starts them. With pytest, use the
fixtures `dsnap_site` and `dsnap_storage`; without it, the functions `site` and `storage`:

    with dsnap_testkit.site(zopes=2) as site:
        site.dsnap("cp", "-a", site.a, "copy")
        site.verify("copy")
"""

from ._programs import Failure, Finished
from ._site import Site, site
from ._storage import Storage, Verdict, storage

__all__ = ["Failure", "Finished", "Site", "Storage", "Verdict", "site", "storage"]

# Tests show the name that they import.
for public in (Failure, Finished, Site, Storage, Verdict):
    public.__module__ = __name__
