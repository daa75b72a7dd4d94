"""Talks to the simulated ZEO server with a real client, and compares its answers with a real server's.

    simulated.py PROGRAM FOLDER tcp|unix [digest]

PROGRAM is dsnap-testkit, which runs the simulated server. The real client, of the generation that this
Python has installed, registers, loads objects, enters and leaves a snapshot, and waits for an
invalidation. What it loads must be what the files of the storage contain. Then the same calls go to the
simulated server and to a real one, and their answers must be the same bytes.

Prints `compared N`. Python 2.7.
"""

import cPickle
import fcntl
import os
import re
import socket
import struct
import subprocess
import sys

import through_zeo
from through_zeo import LIMIT, family_and_address, wait_until

# The account of the simulated server.
SIMULATED_ACCOUNT = ('admin', 'adminpass', 'ds-realm')
ROOT = '\0' * 8
ONE = '\0' * 7 + '\1'
NO_OBJECT = '\xff' * 8

# Calls before a client registers, and afterwards. The storage is called NAME.
BEFORE = [
    ('getAuthProtocol',), ('getExtensionMethods',), ('register', 'other', 1), ('register', 'NAME', 1),
    ('auth_response', ('a', 'b', 'c')), ('nosuch',), ('enter_snapshot', 'x'),
]
AFTER = [
    ('getExtensionMethods',), ('register', 'NAME', 1), ('get_info',), ('get_size_info',),
    ('is_directory_storage',), ('lastTransaction',), ('loadEx', NO_OBJECT), ('loadEx', NO_OBJECT, ''),
    ('loadEx', ROOT), ('loadEx', ROOT, ''), ('loadBefore', ROOT, NO_OBJECT), ('loadBefore', ROOT, ROOT),
    ('loadBefore', NO_OBJECT, ROOT), ('load', ROOT, ''), ('getTid', ROOT), ('getTid', NO_OBJECT),
    ('get_snapshot_code',), ('leave_snapshot', 'x'), ('enter_snapshot', 'x'), ('get_snapshot_code',),
    ('enter_snapshot', 'x'), ('leave_snapshot', 'y'), ('enter_snapshot',), ('leave_snapshot', 'x'),
    ('new_oids',), ('tpc_begin', 1, '', '', {}, None, ' '), ('vote', 1), ('tpc_finish', 1), ('tpc_abort', 1),
    ('nosuch',), ('_private',), ('getSerial', ROOT), ('zeoLoad', ROOT),
]


class Simulated:
    """The simulated server, in a process of its own."""

    def __init__(self, program, version, kind, password):
        options = ['--zopes', '0', '--commits-per-second', '0', '--zeo=' + version]
        options += kind == 'unix' and ['--zeo-socket'] or []
        options += password and ['--zeo-password'] or []
        # The site runs until its script ends, and that when this closes its input.
        script = 'echo "$DSNAP_TESTKIT_ZEO"; echo "$DSNAP_TESTKIT_STORAGE"; exec cat'
        words = [program, 'run'] + options + ['--', 'sh', '-c', script]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.address = self.process.stdout.readline().strip()
        self.storage = self.process.stdout.readline().strip()
        assert self.storage, 'the simulated server did not start'

    def order(self, words):
        """Gives an order to the control port of the site."""
        with open(os.path.join(self.storage, 'misc/dsnap-testkit.port')) as port:
            port = socket.create_connection(('127.0.0.1', int(port.read())), LIMIT)
        port.sendall(words + '\n')
        answer = port.makefile().read()
        assert answer.startswith('ok'), answer

    def file_of_root(self, tid):
        """Returns what the file in A/ contains that a transaction wrote for the root object."""
        for folder, _, names in os.walk(os.path.join(self.storage, 'A')):
            for name in names:
                with open(os.path.join(folder, name), 'rb') as found:
                    found = found.read()
                if found[:4] == '\xbd\xb8*q' and found[8:16] == ROOT and found[64:72] == tid:
                    return found[72:]

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


class Listener:
    """What a database is to a client: it hears of changed objects."""

    def __init__(self):
        self.changed = []

    def invalidate(self, tid, oids, *_, **__):
        self.changed.extend(oids)

    def invalidateCache(self):
        pass

    references = classes = None


def use_real_client(simulated, password):
    """Does with a real client what clients of a DirectoryStorage do."""
    from ZEO.ClientStorage import ClientStorage
    options = password and dict(zip(['username', 'password', 'realm'], SIMULATED_ACCOUNT)) or {}
    address = family_and_address(simulated.address)[1]
    storage = ClientStorage(address, '1', wait=1, wait_timeout=LIMIT, read_only=1, **options)
    try:
        enter_and_load(simulated, storage)
        see_a_commit(simulated, storage)
        if not loads_by_time(storage):
            use_database(storage)
    finally:
        storage.close()


def enter_and_load(simulated, storage):
    assert storage.is_directory_storage() == 1
    storage.enter_snapshot('real-client')
    assert storage.get_snapshot_code() == 'user/real-client'
    with open(os.path.join(simulated.storage, 'misc/snapshot')) as snapshot:
        assert snapshot.read() == 'user/real-client'
    with open(os.path.join(simulated.storage, 'misc/sublock')) as sublock:
        fcntl.flock(sublock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    data, tid = load_root(storage)
    assert data == simulated.file_of_root(tid), 'loaded %r' % data
    storage.leave_snapshot('real-client')
    wait_until('the end of recombining', lambda: storage.get_snapshot_code() is None)


def see_a_commit(simulated, storage):
    listener = Listener()
    try:
        storage.registerDB(listener, 0)
    except TypeError:
        storage.registerDB(listener)
    before = load_root(storage)[1]
    simulated.order('commit 1')
    wait_until('an invalidation', lambda: storage.sync() or ROOT in listener.changed)
    assert load_root(storage)[1] > before


def loads_by_time(storage):
    """ZEO 4.2 and later load with `loadBefore`, which DirectoryStorage does not have: they find nothing."""
    from ZODB.POSException import POSKeyError
    try:
        storage.load(ROOT, '')
    except POSKeyError:
        return True


def load_root(storage):
    if loads_by_time(storage):
        return storage._server.loadEx(ROOT)
    return storage.load(ROOT, '')[:2]


def use_database(storage):
    from ZODB.DB import DB
    connection = DB(storage).open()
    assert connection.get(ONE)['number'] >= 0
    connection.close()


class Raw:
    """A connection whose messages are compared."""

    def __init__(self, address):
        family, address = family_and_address(address)
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(LIMIT)
        self.socket.connect(address)
        self.version = self.receive()
        self.send(self.version)

    def send(self, message):
        self.socket.sendall(struct.pack('>I', len(message)) + message)

    def receive(self):
        return self.exactly(struct.unpack('>I', self.exactly(4))[0])

    def exactly(self, count):
        found = ''
        while len(found) < count:
            part = self.socket.recv(count - len(found))
            if not part:
                raise EOFError
            found += part
        return found

    def call(self, name, *args):
        """Returns the answer to a call, or that the server closed."""
        pickler = cPickle.Pickler(1)
        pickler.fast = 1
        self.send(pickler.dump((7, 0, name, args), 1))
        try:
            return self.receive()
        except (EOFError, socket.error):
            return 'closed'


def answers(address, name, storage, password):
    """Makes all calls; returns each with its answer, where names and times are left out."""
    found = [('announced', Raw(address).version)]
    for calls, registers in [(BEFORE, False), (not password and AFTER or [], True)]:
        client = None
        for call in calls:
            if client is None:
                client = Raw(address)
                if registers:
                    client.call('register', name, 1)
            answer = client.call(*[part == 'NAME' and name or part for part in call])
            found.append((call, without_names(answer, storage)))
            if answer == 'closed':
                client = None
            elif call == ('leave_snapshot', 'x'):
                wait_until('recombining', lambda: client.call('get_snapshot_code').endswith('.replyNt.'))
    return found


def without_names(answer, storage):
    path = 'filesystem at %r' % storage
    answer = re.sub('U.(bushy )' + re.escape(path), r'U\1STORAGE', answer)
    if NO_OBJECT in answer:
        return answer
    # An object, the transaction that wrote it, and perhaps the next one.
    answer = re.sub(r'(?s)reply\([TU].{20,}U\x08.{8}(N?|U\0(?:NN)?)tt\.$', r'reply(OBJECT TID\1tt.', answer)
    return re.sub(r'(?s)replyU\x08.{8}', 'replyTID', answer)


def compare(case, simulated, password):
    """Compares the simulated server with a real one; returns the number of calls."""
    real = answers(case.address, 'main', case.storage, password)
    imitated = answers(simulated.address, '1', simulated.storage, password)
    for (call, expected), (_, found) in zip(real, imitated):
        assert found == expected, '%s\nreal:      %r\nsimulated: %r' % (call, expected, found)
    return len(real)


def run(program, folder, kind, password):
    case = through_zeo.Case(folder, kind, password)
    case.configure()
    through_zeo.make_root(case.storage)
    simulated = None
    try:
        version = case.start_server()
        simulated = Simulated(program, version, kind, password)
        use_real_client(simulated, password)
        print 'compared', compare(case, simulated, password)
        case.stop()
    finally:
        if simulated:
            simulated.stop()
        case.kill()


if __name__ == '__main__':
    run(sys.argv[1], sys.argv[2], sys.argv[3], 'digest' in sys.argv[4:])
