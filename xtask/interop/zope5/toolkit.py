"""A DirectoryStorageToolkit for Zope 5, in front of a stand-in for the storage.

DirectoryStorage 1.1.21 does not run on Python 3. The stand-in has its locks, its `misc/snapshot`
and its snapshot calls, and moves what a test puts into journal/ and B/. It reads no objects.
"""

import fcntl
import os

from AccessControl.class_init import InitializeClass
from AccessControl.SecurityInfo import ClassSecurityInfo
from OFS.SimpleItem import SimpleItem


class DirectoryStorageError(Exception):
    pass


def lock(path):
    """Locks a file as zc.lockfile does, which also writes the process id into it."""
    file = open(path, 'a+')
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    file.truncate(0)
    file.write(' %d\n' % os.getpid())
    file.flush()
    return file


class Storage:
    """The snapshot calls of a DirectoryStorage."""

    def __init__(self, directory):
        self.path = lambda *names: os.path.join(directory, *names)
        self.main_lock = lock(self.path('misc/lock'))
        try:
            self.sublock, self.code = lock(self.path('misc/sublock')), None
            self.remove_snapshot_file()
        except BlockingIOError:
            self.sublock, self.code = None, 'startup'

    def remove_snapshot_file(self):
        if os.path.exists(self.path('misc/snapshot')):
            os.remove(self.path('misc/snapshot'))

    def move(self, source, target):
        for name in os.listdir(self.path(source)):
            os.rename(self.path(source, name), self.path(target, name))

    def enter_snapshot(self, code):
        if self.code:
            raise DirectoryStorageError('snapshot already in use by %r' % self.code)
        self.move('journal', 'A')
        self.code = 'user/' + code
        with open(self.path('misc/snapshot'), 'w') as file:
            file.write(self.code)
        self.sublock.close()
        self.sublock = None

    def leave_snapshot(self, code):
        self.sublock = self.sublock or lock(self.path('misc/sublock'))
        if self.code != 'user/' + code:
            raise DirectoryStorageError('bad code %r' % code)
        self.remove_snapshot_file()
        self.move('B', 'A')
        self.code = None

    def get_snapshot_code(self):
        return self.code


class DirectoryStorageToolkit(SimpleItem):
    """Publishes the snapshot calls of a storage."""

    id = 'DSToolkit'
    meta_type = 'DirectoryStorageToolkit'
    storage = None
    security = ClassSecurityInfo()
    permission = 'Manage DirectoryStorages'

    @security.protected(permission)
    def enterSnapshot(self, code=''):
        """Enters a snapshot."""
        self.storage.enter_snapshot(code or 'toolkit')

    @security.protected(permission)
    def leaveSnapshot(self, code=''):
        """Leaves a snapshot."""
        self.storage.leave_snapshot(code or 'toolkit')

    @security.protected(permission)
    def currentSnapshotCode(self):
        """Returns the code of the snapshot."""
        return self.storage.get_snapshot_code()

    @security.protected(permission)
    def isDirectorystorage(self):
        """Tells whether the toolkit has a DirectoryStorage."""
        return True


InitializeClass(DirectoryStorageToolkit)
