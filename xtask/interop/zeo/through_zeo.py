"""Runs dsnap against a real ZEO server with a real DirectoryStorage, while a real client commits.

    through_zeo.py run DSNAP FOLDER tcp|unix [digest]
    through_zeo.py commit FILE ADDRESS [USER PASSWORD REALM]    the client
    through_zeo.py check FILE                                   the command that dsnap runs

The server listens on a port or on a socket, and may want a password. COMMAND runs the real checkds, and
waits until the client has committed several times meanwhile. Afterwards checkds runs once more, on the
storage that the server has closed.

Prints `announced VERSION`. Python 2.7.
"""

import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

ACCOUNT = ('backup', 's3cret', 'ds-realm')
LIMIT = 60  # seconds, for each wait
CONF = '''
%%import DirectoryStorage
<zeo>
  address %(address)s
%(authentication)s</zeo>
<directorystorage main>
  path %(storage)s
</directorystorage>
<eventlog>
  <logfile>
    path %(folder)s/log
  </logfile>
</eventlog>
'''
AUTHENTICATION = '''  authentication-protocol digest
  authentication-database %(folder)s/users
  authentication-realm %(realm)s
'''


def wait_until(what, condition):
    end = time.time() + LIMIT
    while not condition():
        assert time.time() < end, 'timed out: ' + what
        time.sleep(0.01)


def program(name):
    return os.path.join(os.path.dirname(sys.executable), name)


def call(words, expected=0, **options):
    """Runs a program, and returns what it writes."""
    child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    output = child.communicate()[0]
    assert child.returncode == expected, '%r: %d\n%s' % (words, child.returncode, output)
    return output


class Case:
    """A server with an empty storage, on an address of its own, and its client."""

    def __init__(self, folder, kind, password):
        self.folder = folder
        os.mkdir(folder)
        self.password = password
        self.socket_folder = None
        self.storage = os.path.join(self.folder, 'storage')
        self.count = os.path.join(self.folder, 'count')
        self.address = kind == 'unix' and self.socket() or free_port()
        self.processes = []

    def socket(self):
        """The path of a socket must be short, so it is not in the folder."""
        self.socket_folder = tempfile.mkdtemp()
        return os.path.join(self.socket_folder, 'zeo.sock')

    def configure(self):
        from DirectoryStorage.mkds import mkds
        mkds(self.storage, 'Full', 'bushy')
        names = {'address': self.address, 'storage': self.storage, 'folder': self.folder,
                 'realm': ACCOUNT[2], 'authentication': ''}
        if self.password:
            from ZEO.auth.auth_digest import DigestDatabase
            users = DigestDatabase(os.path.join(self.folder, 'users'), realm=ACCOUNT[2])
            users.add_user(ACCOUNT[0], ACCOUNT[1])
            users.save()
            names['authentication'] = AUTHENTICATION % names
        write(os.path.join(self.folder, 'zeo.conf'), CONF % names)
        write(os.path.join(self.folder, 'access'), '%s:%s\n' % ACCOUNT[:2])
        write(os.path.join(self.folder, 'wrong'), '%s:wrong\n' % ACCOUNT[0])
        write(self.count, '0')

    def start(self, *words):
        output = open(os.path.join(self.folder, 'output'), 'a')
        self.processes.append(subprocess.Popen(words, stdout=output, stderr=output))

    def start_server(self):
        self.start(program('runzeo'), '-C', os.path.join(self.folder, 'zeo.conf'))
        wait_until('the server', lambda: announced(self.address))
        return announced(self.address)

    def start_client(self):
        account = self.password and ACCOUNT or ()
        self.start(sys.executable, __file__, 'commit', self.count, self.address, *account)
        wait_until('the first commits', lambda: committed(self.count) > 2)

    def line(self, access='access'):
        if self.password:
            return 'zeo %s main %s realm=%s' % (
                self.address, os.path.join(self.folder, access), ACCOUNT[2])
        return 'zeo %s main' % self.address

    def run(self, dsnap):
        snapshot = [dsnap, '--storage', self.storage, '-v', '--method']
        command = [sys.executable, __file__, 'check', self.count]
        for _ in range(2):  # also while the server may still be recombining
            said = call(snapshot + [self.line()] + command)
            for words in ['Entered snapshot using zeo', 'Left snapshot mode', 'checked']:
                assert words in said, said
        if self.password:
            said = call(snapshot + [self.line('wrong'), 'true'], 125)
            assert 'not authorised' in said, said
        said = call(snapshot + [self.line().replace(' main', ' other'), 'true'], 125)
        assert 'unknown storage' in said, said

    def stop(self):
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            wait_until('the end of a process', lambda: process.poll() is not None)

    def kill(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
        if self.socket_folder:
            shutil.rmtree(self.socket_folder)


def make_root(folder):
    """Makes the root object, as a client does with an empty storage."""
    from DirectoryStorage.Storage import Storage
    from ZODB.DB import DB
    DB(Storage(folder)).close()


def needs_root():
    """Tells whether this client cannot make the root object. A client makes it after the exception that says
    that the object is missing, and under Python 2.7, ZODB3 3.7 cannot read that exception. The clients of
    ZEO 4.3 must make the object, because they cannot load it from a DirectoryStorage."""
    from ZEO.zrpc.connection import Connection
    return Connection.current_protocol == 'Z303'


def write(path, text):
    """Other processes see all of it or nothing."""
    with open(path + '.new', 'w') as new:
        new.write(text)
    os.rename(path + '.new', path)


def free_port():
    probe = socket.socket()
    probe.bind(('127.0.0.1', 0))
    return '127.0.0.1:%d' % probe.getsockname()[1]


def family_and_address(address):
    if address.startswith('/'):
        return socket.AF_UNIX, address
    host, port = address.split(':')
    return socket.AF_INET, (host, int(port))


def announced(address):
    """Returns the version that the server announces, or nothing if there is no server."""
    family, address = family_and_address(address)
    client = socket.socket(family, socket.SOCK_STREAM)
    client.settimeout(LIMIT)
    try:
        client.connect(address)
        return client.recv(struct.unpack('>I', client.recv(4))[0])
    except (socket.error, struct.error):
        return None
    finally:
        client.close()


def committed(count):
    with open(count) as current:
        return int(current.read())


def commit(count, address, account):
    """Commits until it is killed, and counts."""
    import transaction
    from ZEO.ClientStorage import ClientStorage
    from ZODB.DB import DB
    options = account and dict(zip(['username', 'password', 'realm'], account)) or {}
    storage = ClientStorage(family_and_address(address)[1], 'main', wait=1, **options)
    root = DB(storage).open().root()
    number = 0
    while os.getppid() != 1:
        number += 1
        root['number'] = number
        root['text %d' % (number % 7)] = 'x' * number
        transaction.commit()
        write(count, str(number))
        time.sleep(0.02)


def check(count):
    before = committed(count)
    call([program('dirstorage_checkds')])
    wait_until('commits during the snapshot', lambda: committed(count) > before + 2)
    call([program('dirstorage_checkds')])
    print 'checked'


def run(dsnap, folder, kind, password):
    case = Case(folder, kind, password)
    case.configure()
    if needs_root():
        make_root(case.storage)
    try:
        version = case.start_server()
        case.start_client()
        case.run(dsnap)
        case.stop()
        call([dsnap, '--storage', case.storage, program('dirstorage_checkds')])
    except:
        sys.stderr.write(open(os.path.join(folder, 'output')).read()[-3000:])
        raise
    finally:
        case.kill()
    print 'announced', version


if __name__ == '__main__':
    if sys.argv[1] == 'commit':
        commit(sys.argv[2], sys.argv[3], sys.argv[4:])
    elif sys.argv[1] == 'check':
        check(sys.argv[2])
    else:
        run(sys.argv[2], sys.argv[3], sys.argv[4], 'digest' in sys.argv[5:])
