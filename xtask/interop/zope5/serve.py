"""Serves a Zope 5 with a DirectoryStorageToolkit on a free port of the loopback interface.

    python serve.py STORAGE FOLDER

Prints the port when it accepts calls, and ends when its standard input does. Python 3.
"""

import os
import sys
import threading

import transaction
import Zope2
from Zope2.Startup.run import make_wsgi_app
from ZPublisher.httpexceptions import HTTPExceptionHandler
from waitress.server import create_server

from toolkit import DirectoryStorageToolkit, Storage

CONF = '''
instancehome %s
<zodb_db main>
  <mappingstorage>
  </mappingstorage>
  mount-point /
</zodb_db>
'''


def zope(folder):
    """Makes a Zope with the toolkit and the users of the recordings."""
    conf = os.path.join(folder, 'zope.conf')
    with open(conf, 'w') as file:
        file.write(CONF % folder)
    wsgi = make_wsgi_app({}, conf)
    root = Zope2.app()
    root.acl_users._doAddUser('admin', 'adminpass', ['Manager'], [])
    root.acl_users._doAddUser('joe', 'joepass', [], [])
    root._setObject('DSToolkit', DirectoryStorageToolkit())
    transaction.commit()
    root._p_jar.close()
    return HTTPExceptionHandler(wsgi)


def main(storage, folder):
    DirectoryStorageToolkit.storage = Storage(storage)
    server = create_server(zope(folder), host='127.0.0.1', port=0)
    threading.Thread(target=server.run, daemon=True).start()
    print(server.effective_port, flush=True)
    sys.stdin.read()


if __name__ == '__main__':
    main(*sys.argv[1:])
