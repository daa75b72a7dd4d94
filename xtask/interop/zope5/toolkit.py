"""A DirectoryStorageToolkit for Zope 5, in front of a stand-in for the storage.

DirectoryStorage 1.1.21 does not run on Python 3. The stand-in has its locks, its files and its
snapshot calls, in the format flat. It commits nothing itself. Python 3.
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

    def move_into_a(self, folder):
        for name in os.listdir(self.path(folder)):
            os.rename(self.path(folder, name), self.path('A', name))

    def flush_journal(self):
        for name in sorted(os.listdir(self.path('journal'))):
            self.move_into_a('journal/' + name)
            os.rmdir(self.path('journal', name))

    def enter_snapshot(self, code):
        if self.code:
            raise DirectoryStorageError('snapshot already in use by %r' % self.code)
        self.flush_journal()
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
        self.move_into_a('B')
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
