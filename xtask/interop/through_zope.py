"""The simulated site, asked by others than dsnap: Python's own XML-RPC client, and the original
tool with its http method; then what the original copied, checked by the real DirectoryStorage.

    dsnap-testkit run -- python through_zope.py DSNAP TESTKIT FOLDER

The original's method ends in an AttributeError on every Python that has it: its transport never
calls the constructor of its base. That one call is added here, and nothing else.

Prints `asked CALLS`. Python 2.7.
"""

import os
import subprocess
import sys
import time
import xmlrpclib

from DirectoryStorage import snapshot

STORAGE = os.environ['DSNAP_TESTKIT_STORAGE']
URL = os.environ['DSNAP_TESTKIT_URL'].split()[0]
calls = 0


class RepairedTransport(snapshot.xmlrpclib_auth_Transport):

    def __init__(self, username, password):
        xmlrpclib.Transport.__init__(self)
        self.auth = None
        broken.__init__(self, username, password)


broken = snapshot.xmlrpclib_auth_Transport


def server(url=URL, password='adminpass'):
    return xmlrpclib.Server(url, transport=RepairedTransport('admin', password))


def call(method, *args):
    global calls
    calls += 1
    return method(*args)


def fault(words, method, *args):
    try:
        call(method, *args)
    except xmlrpclib.Fault as e:
        assert words in e.faultString, e.faultString
    else:
        raise AssertionError('no fault, expected ' + words)


def settled():
    """Waits until the last snapshot is recombined."""
    while True:
        code = call(server().currentSnapshotCode)
        if code is None:
            return
        assert code.startswith('recombining/'), code
        time.sleep(0.01)


def python_client():
    zope = server()
    assert call(zope.currentSnapshotCode) is None
    fault("bad code 'user/py-1'!=None", zope.leaveSnapshot, 'py-1')
    assert call(zope.enterSnapshot, 'py-1') is None
    assert call(zope.currentSnapshotCode) == 'user/py-1'
    fault("snapshot already in use by 'user/py-1'", zope.enterSnapshot, 'py-2')
    fault("bad code 'user/py-2'!='user/py-1'", zope.leaveSnapshot, 'py-2')
    assert call(zope.leaveSnapshot, 'py-1') is None
    settled()
    fault('zExceptions.NotFound', zope.noSuchMethod)
    fault('NoSuchToolkit', server(URL.replace('DSToolkit', 'NoSuchToolkit')).enterSnapshot, 'x')
    try:
        call(server(password='wrong').currentSnapshotCode)
    except xmlrpclib.ProtocolError as e:
        assert e.errcode == 401, e
    else:
        raise AssertionError('a wrong password is good enough')


def original(copy):
    """The original copies A/ and config/ in a snapshot that it enters by http."""
    snapshot.xmlrpclib_auth_Transport = RepairedTransport
    script = 'cp -a "$SNAPSHOT_DIRECTORY/A" "$SNAPSHOT_DIRECTORY/config" %s' % copy
    sys.argv = ['snapshot', '--storage', STORAGE, 'sh', '-c', script]
    try:
        status = snapshot.main()
    except SystemExit as e:
        status = e.code
    assert not status, status
    settled()


def main(dsnap, testkit, folder):
    python_client()
    copy = os.path.join(folder, 'ds')
    os.makedirs(copy)
    original(copy)
    subprocess.check_call([testkit, 'verify', copy, '--site', STORAGE])
    for name in ['B', 'journal', 'misc']:
        os.mkdir(os.path.join(copy, name))
    checkds = os.path.join(os.path.dirname(sys.executable), 'dirstorage_checkds')
    # The conf of the copy still names the site of the original: it must not be asked.
    subprocess.check_call([dsnap, '--storage', copy, '--method', 'direct', checkds, '-q'])
    print 'asked %d' % calls


if __name__ == '__main__':
    main(*sys.argv[1:])
