"""Lets the original tool enter and leave a snapshot of each storage.

    finish.py STORAGE...

Does the same as `dirstorage_snapshot --storage STORAGE true`, each time in a process of its own. Loading
the tool takes longer than its work, so it is loaded once, before the processes are forked. Fails if
one of them fails. Python 2.7.
"""

import os
import sys

from DirectoryStorage.snapshot import main


def tool(storage):
    sys.argv = ['dirstorage_snapshot', '--storage', storage, 'true']
    sys.exit(main())


for storage in sys.argv[1:]:
    child = os.fork()
    if not child:
        tool(storage)
    status = os.waitpid(child, 0)[1]
    if status:
        sys.exit('%s: the tool ended with wait status %d' % (storage, status))
