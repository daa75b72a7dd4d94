"""Calls the simulated site with Python's own XML-RPC client and with the original tool's http
method. Then the real DirectoryStorage checks what the original tool copied.

    dsnap-testkit run -- python through_zope.py DSNAP TESTKIT FOLDER

On every Python 2.7 the original's http method ends in an AttributeError, because its transport does
not call the constructor of its base class. This script adds that one call and nothing else.

Prints `calls COUNT`. Python 2.7.
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


def expect_fault(words, method, *args):
    try:
        call(method, *args)
    except xmlrpclib.Fault as e:
        assert words in e.faultString, e.faultString
    else:
        raise AssertionError('no fault; expected ' + words)


def wait_until_recombined():
    """Waits until the server has merged B/ back into A/ after the last snapshot."""
    while True:
        code = call(server().currentSnapshotCode)
        if code is None:
            return
        assert code.startswith('recombining/'), code
        time.sleep(0.01)


def call_with_python_client():
    zope = server()
    assert call(zope.currentSnapshotCode) is None
    expect_fault("bad code 'user/py-1'!=None", zope.leaveSnapshot, 'py-1')
    assert call(zope.enterSnapshot, 'py-1') is None
    assert call(zope.currentSnapshotCode) == 'user/py-1'
    expect_fault("snapshot already in use by 'user/py-1'", zope.enterSnapshot, 'py-2')
    expect_fault("bad code 'user/py-2'!='user/py-1'", zope.leaveSnapshot, 'py-2')
    assert call(zope.leaveSnapshot, 'py-1') is None
    wait_until_recombined()
    expect_fault('zExceptions.NotFound', zope.noSuchMethod)
    expect_fault('NoSuchToolkit', server(URL.replace('DSToolkit', 'NoSuchToolkit')).enterSnapshot, 'x')
    try:
        call(server(password='wrong').currentSnapshotCode)
    except xmlrpclib.ProtocolError as e:
        assert e.errcode == 401, e
    else:
        raise AssertionError('a wrong password was accepted')


def copy_with_original_tool(copy):
    """Lets the original tool copy A/ and config/ in a snapshot that it enters by http."""
    snapshot.xmlrpclib_auth_Transport = RepairedTransport
    script = 'cp -a "$SNAPSHOT_DIRECTORY/A" "$SNAPSHOT_DIRECTORY/config" %s' % copy
    sys.argv = ['snapshot', '--storage', STORAGE, 'sh', '-c', script]
    try:
        status = snapshot.main()
    except SystemExit as e:
        status = e.code
    assert not status, status
    wait_until_recombined()


def main(dsnap, testkit, folder):
    call_with_python_client()
    copy = os.path.join(folder, 'ds')
    os.makedirs(copy)
    copy_with_original_tool(copy)
    subprocess.check_call([testkit, 'verify', copy, '--site', STORAGE])
    for name in ['B', 'journal', 'misc']:
        os.mkdir(os.path.join(copy, name))
    checkds = os.path.join(os.path.dirname(sys.executable), 'dirstorage_checkds')
    # Without --method, dsnap would ask the site of the original, which snapshot.conf still names.
    subprocess.check_call([dsnap, '--storage', copy, '--method', 'direct', checkds, '-q'])
    print 'calls %d' % calls


if __name__ == '__main__':
    main(*sys.argv[1:])
