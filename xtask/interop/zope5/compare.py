"""Runs dsnap with a real Zope 5, and compares its answers with those of the simulated site.

    dsnap-testkit run --answers zope5 -- python compare.py DSNAP TESTKIT FOLDER

Prints `answers COUNT`. Python 3.
"""

import base64
import fcntl
import os
import socket
import subprocess
import sys
import time
import xmlrpc.client

HERE = os.path.dirname(os.path.abspath(__file__))
ADMIN, JOE, UNKNOWN = 'admin:adminpass', 'joe:joepass', 'nobody:nothing'
# Servers name their host in answers as the request names it.
HOST = 'zope.example:8080'
# No answer takes longer; a connection that stays open is waited for no longer than this.
LIMIT = 30


class Zope:
    """A Zope with a toolkit: where it is, and how its storage's server is restarted."""

    def __init__(self, storage, port):
        self.storage, self.port = storage, port

    def call(self, method, *args):
        return getattr(xmlrpc.client.ServerProxy(self.url(ADMIN + '@')), method)(*args)

    def url(self, user=''):
        return 'http://%s127.0.0.1:%d/DSToolkit' % (user, self.port)

    def lock_sublock(self):
        file = open(os.path.join(self.storage, 'misc/sublock'), 'a')
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return file

    def start_in_startup(self):
        """Starts the server while another process holds `misc/sublock`."""
        self.stop()
        with self.lock_sublock():
            self.start()

    def wait_until_free(self):
        """Waits until the server has merged B/ back into A/."""
        while self.call('currentSnapshotCode'):
            time.sleep(0.01)


class Simulated(Zope):

    def __init__(self, testkit):
        url = os.environ['DSNAP_TESTKIT_URL']
        super().__init__(os.environ['DSNAP_TESTKIT_STORAGE'], int(url.split(':')[2].split('/')[0]))
        self.ctl = lambda order: subprocess.check_call([testkit, 'ctl', self.storage, order])

    def start(self):
        self.ctl('start')

    def stop(self):
        self.ctl('stop')


class Real(Zope):
    process = None

    def __init__(self, testkit, folder):
        super().__init__(os.path.join(folder, 'ds'), None)
        self.instance = os.path.join(folder, 'instance')
        os.mkdir(self.instance)
        make = [testkit, 'make', self.storage, '--state', 'quick-shutdown', '--format', 'flat']
        subprocess.check_call(make, stdout=subprocess.DEVNULL)
        self.start()

    def start(self):
        serve = [sys.executable, '-B', os.path.join(HERE, 'serve.py'), self.storage, self.instance]
        log = os.path.join(self.instance, 'log')
        with open(log, 'a') as errors:
            pipes = {'stdin': subprocess.PIPE, 'stdout': subprocess.PIPE, 'stderr': errors}
            self.process = subprocess.Popen(serve, **pipes)
        port = self.process.stdout.readline()
        assert port, 'Zope does not start: see ' + log
        self.port = int(port)

    def stop(self):
        self.process.communicate()


class Site:
    """dsnap on the storage of a Zope."""

    def __init__(self, dsnap, zope):
        self.dsnap, self.zope = dsnap, zope
        self.access = os.path.join(zope.storage, 'config/access')
        self.write_access(ADMIN)

    def write_access(self, user):
        with open(os.open(self.access, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'w') as file:
            file.write(user + '\n')

    def run(self, status, words, *command, url=None):
        """Runs dsnap, and checks its exit status, and that these words are among its messages. No
        answer may leave open whether a snapshot was entered.
        """
        line = 'http %s %s' % (url or self.zope.url(), self.access)
        args = [self.dsnap, '--storage', self.zope.storage, '--method', line, *command]
        ran = subprocess.run(args, capture_output=True, text=True, timeout=LIMIT)
        seen = '%d instead of %d, and %r:\n%s' % (ran.returncode, status, words, ran.stderr)
        assert 'may still begin' not in ran.stderr, seen
        assert ran.returncode == status and all(it in ran.stderr for it in words), seen
        return ran.stdout


def run_dsnap(dsnap, testkit, zope, folder):
    site, copy = Site(dsnap, zope), os.path.join(folder, 'copy')
    script = 'cp -a "$SNAPSHOT_DIRECTORY/A" %s && cat "$SNAPSHOT_DIRECTORY/misc/snapshot"' % copy
    lines = ['Entered snapshot using', 'Locked snapshot mode', 'Left snapshot mode\n']
    code = site.run(0, lines, 'sh', '-c', script)
    assert code.startswith('user/'), code
    subprocess.check_call([testkit, 'verify', copy, '--site', zope.storage])
    assert zope.call('currentSnapshotCode') is None

    zope.call('enterSnapshot', 'stranger')
    site.run(75, ['user/stranger'], 'true')
    assert zope.call('currentSnapshotCode') == 'user/stranger'
    zope.call('leaveSnapshot', 'stranger')

    site.run(125, ['/NoSuchToolkit'], 'true', url=zope.url().replace('DSToolkit', 'NoSuchToolkit'))
    site.write_access(UNKNOWN)
    site.run(125, ['not authorised'], 'true')
    site.write_access(ADMIN)

    zope.start_in_startup()
    site.run(125, ['restart'], 'true')
    zope.stop()
    zope.start()
    site.run(0, lines, 'true')


def exchange(zope, request):
    """Sends a request; returns the answer without its date, and whether the connection is open."""
    with socket.create_connection(('127.0.0.1', zope.port), LIMIT) as connection:
        connection.sendall(request.encode())
        answers = connection.makefile('rb')
        head = b''.join(iter(answers.readline, b'\r\n')).decode()
        headers = dict(line.split(': ', 1) for line in head.splitlines()[1:])
        body = answers.read(int(headers['Content-Length'])).decode()
        without_date = [line for line in head.splitlines() if not line.startswith('Date: ')]
        return without_date, body, is_open(connection, answers)


def is_open(connection, answers):
    """Tells whether the server answers another request."""
    try:
        connection.sendall(post(call('currentSnapshotCode')).encode())
        return answers.readline() != b''
    except ConnectionError:
        return False


def call(method, *args):
    """Makes the document of a call as dsnap writes it."""
    return xmlrpc.client.dumps(args, method)


def post(body, path='/DSToolkit', user=ADMIN, kind='text/xml', version='1.1', more=''):
    head = 'POST %s HTTP/%s\r\nHost: %s\r\n%s' % (path, version, HOST, more)
    if user:
        head += 'Authorization: Basic %s\r\n' % base64.b64encode(user.encode()).decode()
    if kind:
        head += 'Content-Type: %s\r\n' % kind
    return '%sContent-Length: %d\r\n\r\n%s' % (head, len(body.encode()), body)


CODE = post(call('currentSnapshotCode'))
SPECIAL = 'it\'s "<&>"'
# In this order: each request finds the state that those before it led to.
REQUESTS = [
    CODE,
    post(call('leaveSnapshot', 'x')),
    post(call('enterSnapshot', 'x')),
    CODE,
    post(call('enterSnapshot', 'x')),
    post(call('enterSnapshot', 'y')),
    post(call('leaveSnapshot', 'y')),
    post(call('leaveSnapshot', 'x')),
    post(call('enterSnapshot', SPECIAL)),
    CODE,
    post(call('leaveSnapshot', SPECIAL)),
    post(call('enterSnapshot', '')),
    post(call('leaveSnapshot')),
    post(call('isDirectorystorage')),
    post(call('noSuchMethod')),
    post(call('noSuchMethod'), user=None),
    post(call('enterSnapshot', 'x'), path='/NoSuchToolkit'),
    post(call('enterSnapshot', 'x'), path='/NoSuchToolkit', user=None),
    post(call('enterSnapshot', 'x'), path='/folder/DSToolkit'),
    post(call('enterSnapshot', 'x'), path='/DSToolkit/nothing'),
    post(call('enterSnapshot', 'x'), path='/'),
    post(call('enterSnapshot', 'x'), user=None),
    post(call('enterSnapshot', 'x'), user=UNKNOWN),
    post(call('enterSnapshot', 'x'), user=JOE),
    post(call('enterSnapshot', 'x'), user='admin:wrong'),
    post(call('enterSnapshot', 'x'), kind=None),
    post(call('enterSnapshot', 'x'), kind='application/xml'),
    post('no XML'),
    post("<?xml version='1.0'?>\n<other/>\n"),
    post(call('currentSnapshotCode'), path='/DSToolkit/'),
    post(call('currentSnapshotCode'), more='Connection: close\r\n'),
    post(call('currentSnapshotCode'), version='1.0'),
    post(call('currentSnapshotCode'), more='Accept-Encoding: gzip\r\n'),
    post(call('leaveSnapshot', 'x'), more='Connection: close\r\n'),
    post(call('leaveSnapshot', 'x'), version='1.0'),
]
STARTUP_REQUESTS = [
    CODE,
    post(call('enterSnapshot', 'x')),
    post(call('leaveSnapshot', 'x')),
    CODE,
]


def compare(real, simulated, requests):
    """Sends each request to both, and compares the answers byte for byte except for the date."""
    for request in requests:
        answers = [exchange(zope, request) for zope in (real, simulated)]
        assert answers[0] == answers[1], '%s\nreal:\n%r\nsimulated:\n%r' % (request, *answers)
        if 'leaveSnapshot' in request and answers[0][0][0].endswith('200 OK'):
            simulated.wait_until_free()
    return len(requests)


def compare_with_locked_sublock(real, simulated):
    """The same while another process holds `misc/sublock`, as dsnap does during COMMAND."""
    count = compare(real, simulated, [post(call('enterSnapshot', 'x'))])
    with real.lock_sublock(), simulated.lock_sublock():
        count += compare(real, simulated, [post(call('leaveSnapshot', 'x')), CODE])
    return count + compare(real, simulated, [post(call('leaveSnapshot', 'x')), CODE])


def main(dsnap, testkit, folder):
    os.mkdir(folder)
    real, simulated = Real(testkit, folder), Simulated(testkit)
    run_dsnap(dsnap, testkit, real, folder)
    count = compare(real, simulated, REQUESTS) + compare_with_locked_sublock(real, simulated)
    for zope in (real, simulated):
        zope.start_in_startup()
    count += compare(real, simulated, STARTUP_REQUESTS)
    real.stop()
    print('answers %d' % count)


if __name__ == '__main__':
    main(*sys.argv[1:])
