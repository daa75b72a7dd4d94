"""Makes storages with the real DirectoryStorage and crashes them in every possible state.

    make_storages.py DIRECTORY [STATE]...

Makes `DIRECTORY/STATE-FORMAT-CLASS` for each state below, each format and each class. The ledger
of what was committed is beside it, in `STATE-FORMAT-CLASS.ledger`. Prints one name a line.

A child process makes each storage and ends as the state says, mostly by SIGKILL in the middle of
its work. Where a state needs a kill at a certain point, a method of the real code is replaced by
one that does the same work and then kills the process. So the real code writes every file.
read_back.py compares the results. Python 2.7.
"""

import cPickle
import cStringIO
import hashlib
import logging
import os
import random
import signal
import struct
import subprocess
import sys
import time

import DirectoryStorage
from DirectoryStorage.Filesystem import Filesystem
from DirectoryStorage.formats import formats
from DirectoryStorage.mkds import mkds
from DirectoryStorage.replica import replica_slave
from DirectoryStorage.Storage import Storage
from DirectoryStorage.utils import ZODB_referencesf

import ledger

CLASSES = ['Full', 'Minimal']
CHILD_SECONDS = 120  # SIGALRM ends a child that hangs, and the program fails


class Reference:
    """Stands for a persistent object inside another object's state."""

    def __init__(self, oid):
        self.oid = oid


class CommitMark:
    """What a storage asks about a transaction."""

    def __init__(self, number):
        self.user = ['', ' admin', '/plone joe'][number % 3]
        self.description = '/folder/document-%d\n\nEdited' % number
        self._extension = number % 4 and {'request_type': 'edit'} or {}


def oid_of(number):
    return struct.pack('!Q', number)


def record_of(state):
    """Pickles class and state as ZODB does, with references as persistent ids."""
    out = cStringIO.StringIO()
    pickler = cPickle.Pickler(out, 1)
    pickler.persistent_id = reference_id
    pickler.dump((('persistent.mapping', 'PersistentMapping'), None))
    pickler.dump(state)
    return out.getvalue()


def reference_id(thing):
    if isinstance(thing, Reference):
        return thing.oid, ('persistent.mapping', 'PersistentMapping')
    return None


class Writer:
    """An open storage, and the ledger of what is committed to it."""

    def __init__(self, directory, book, synchronous=1):
        self.directory = directory
        self.book = book
        self.chance = random.Random(os.path.basename(directory) + str(len(book.tids)))
        self.storage = Storage(directory, synchronous=synchronous)
        self.filesystem = self.storage.filesystem

    def commit(self, count=1):
        for _ in range(count):
            mark, stored = self.begin()
            self.storage.tpc_vote(mark)
            self.storage.tpc_finish(mark)
            self.book.tids.append(self.storage._tid)
            self.book.revisions += [(oid, self.storage._tid, md5) for oid, md5 in stored]

    def begin(self):
        """Begins a transaction and stores all its objects; does not vote or finish."""
        number = len(self.book.tids)
        mark = CommitMark(number)
        current = self.book.current()
        self.storage.tpc_begin(mark)
        stored = []
        for oid, record in self.records(number, len(current)):
            serial = current.get(oid, ('\0' * 8, None))[0]
            self.storage.store(oid, serial, record, '', mark)
            stored.append((oid, hashlib.md5(record).hexdigest()))
        return mark, stored

    def records(self, number, known):
        """Yields the objects of a transaction: the root, one or two new objects, and up to two
        old ones. Few objects change often, so a journal has several revisions of one file."""
        fresh = [known or 1, (known or 1) + 1][:1 + number % 2]
        old = set(self.chance.randint(1, known - 1) for _ in range(known > 2 and 2))
        children = [Reference(oid_of(n)) for n in range(1, fresh[-1] + 1)]
        yield oid_of(0), record_of({'_container': dict(enumerate(children)), 'edit': number})
        for n in sorted(old) + fresh:
            while self.storage._oid < oid_of(n):
                self.storage.new_oid()
            yield oid_of(n), record_of({'title': u'Gr\xfc\xdfe %d' % n, 'edit': number,
                                        'body': self.text(n), 'parent': Reference(oid_of(0))})

    def text(self, n):
        return os.urandom([0, 1, 63, 900, 40000][(n + self.chance.randint(0, 1)) % 5])

    def freeze(self):
        """Enters a snapshot, as a toolkit's enterSnapshot does."""
        self.storage.enter_snapshot('interop-1')

    def flush(self, where):
        """Moves the journal into A or B, and waits for the end of that."""
        self.filesystem._flush_all('interop')
        for _ in range(1000):
            if not os.listdir(os.path.join(self.directory, 'journal')):
                assert os.listdir(os.path.join(self.directory, where))
                return
            time.sleep(0.01)
        raise AssertionError('the journal was not flushed')

    def close(self):
        self.storage.close()

    def die_after_moves(self, count):
        """Lets the flusher move `count` more files, then kills the process."""
        self.book.save(self.directory + '.ledger')
        kill_after_moves(count)

    def die(self):
        self.book.save(self.directory + '.ledger')
        die()


def die():
    """Kills this process, which leaves everything as it is."""
    os.kill(os.getpid(), signal.SIGKILL)


def kill_after_moves(count):
    """Lets the real code move `count` more files into A or B, then kills the process."""
    overwrite, left = Filesystem.overwrite, range(count)

    def overwrite_or_die(filesystem, a, b):
        if not left:
            die()
        left.pop()
        overwrite(filesystem, a, b)

    Filesystem.overwrite = overwrite_or_die


# The states. Each begins with a storage that is closed cleanly and holds four transactions.

def clean(directory, book):
    """Closed cleanly."""


def killed(directory, book):
    """Killed with a full journal."""
    writer = Writer(directory, book)
    writer.commit(6)
    writer.die()


def midway(directory, book):
    """Killed with a full journal, in the middle of a transaction."""
    writer = Writer(directory, book)
    writer.commit(5)
    mark, stored = writer.begin()
    current = book.current()
    book.never = [oid for oid, _ in stored if oid not in current]
    assert book.never
    writer.die()


def frozen(directory, book):
    """Killed in a snapshot, with newer files in B and still newer ones in the journal."""
    writer = Writer(directory, book)
    writer.commit(2)
    writer.freeze()
    writer.commit(3)
    writer.flush('B')
    writer.commit(3)
    writer.die()


def stopped(directory, book):
    """Closed in a snapshot."""
    writer = Writer(directory, book)
    writer.freeze()
    writer.commit(2)
    writer.flush('B')
    writer.commit(2)
    writer.close()


def quick(directory, book):
    """Closed with quick_shutdown and a full journal."""
    configure(directory, 'quick_shutdown: 0', 'quick_shutdown: 1')
    writer = Writer(directory, book)
    writer.commit(6)
    writer.close()


def late(directory, book):
    """Killed while closing: in a `shutdown` snapshot, with two commits after entering it."""
    writer = Writer(directory, book)
    writer.commit(1)
    writer.filesystem.enter_snapshot('shutdown')
    writer.commit(2)
    writer.die()


def flushing(directory, book):
    """Killed while moving the journal into A."""
    writer = Writer(directory, book)
    writer.commit(5)
    writer.die_after_moves(7)
    writer.flush('A')


def recombining(directory, book):
    """Killed while moving B into A, with a full journal."""
    writer = Writer(directory, book)
    writer.freeze()
    writer.commit(4)
    writer.flush('B')
    writer.commit(2)
    writer.die_after_moves(5)
    writer.storage.leave_snapshot('interop-1')
    time.sleep(CHILD_SECONDS)


def recovering(directory, book):
    """Killed with a full journal, and again while the next start moved that into B."""
    pid = os.fork()
    if not pid:
        killed(directory, book)
    os.waitpid(pid, 0)
    kill_after_moves(7)
    Storage(directory, synchronous=1)
    raise AssertionError('nothing was moved')


def packing(directory, book):
    """Killed while packing, with commits after the pack began."""
    writer = Writer(directory, book)
    writer.commit(3)
    mark_context, left = writer.filesystem.mark_context, range(9)

    def dying_context(base):
        context = mark_context(base)
        mark = context.mark

        def mark_or_die(name):
            if not left:
                writer.commit(2)
                writer.die()
            left.pop()
            mark(name)

        context.mark = mark_or_die
        return context

    writer.filesystem.mark_context = dying_context
    writer.storage.pack(time.time(), ZODB_referencesf)
    raise AssertionError('nothing was marked')


def replica(directory, book):
    """Killed after the increment for a replica arrived, before it was unpacked."""
    master = directory + '.master'
    subprocess.check_call(['cp', '-a', directory, master])
    writer = Writer(master, book)
    writer.commit(5)
    writer.close()
    book.save(directory + '.ledger')
    if book.classname == 'Full':
        receive(master, directory)
    else:
        pack_changes(master, directory)


def receive(master, directory):
    """Does what the real tool does until the archive is complete, then kills the process."""
    tool = os.path.join(os.path.dirname(DirectoryStorage.__file__), 'replica.py')
    slave = replica_slave(master, directory)
    slave.path = directory
    slave.prep_replica()
    slave.rpc([sys.executable, '-B', tool, '-q', '+', master])
    die()


def pack_changes(master, directory):
    """Packs the files that differ, as the tool would; it refuses storages of class Minimal."""
    names = [name for name in files_below(master, 'A')
             if content(master, name) != content(directory, name)]
    archive = open(os.path.join(directory, 'journal', 'replica.tar'), 'w')
    cpio = subprocess.Popen(['cpio', '--quiet', '-o', '-H', 'ustar'], cwd=master,
                            stdin=subprocess.PIPE, stdout=archive)
    cpio.communicate('\n'.join(names) + '\n')
    assert cpio.returncode == 0
    os.unlink(os.path.join(directory, 'misc', 'snapshot'))  # as opening the replica does


def files_below(directory, top):
    for here, _, names in os.walk(os.path.join(directory, top)):
        for name in sorted(names):
            yield os.path.relpath(os.path.join(here, name), directory)


def content(directory, name):
    try:
        return open(os.path.join(directory, name)).read()
    except IOError:
        return None


STATES = [clean, killed, midway, frozen, stopped, quick, late, flushing, recombining,
          recovering, packing, replica]
FULL_ONLY = [packing]


def configure(directory, old, new):
    settings = os.path.join(directory, 'config', 'settings')
    text = open(settings).read()
    assert text.count('\n%s\n' % old) == 1
    open(settings, 'w').write(text.replace(old, new))


def make(directory, state, format, classname):
    """Makes one storage in this process, which may die here."""
    mkds(directory, classname, format, sync=format != 'flat')
    if format == 'lawn':
        configure(directory, 'mark: permissions', 'mark: file')
    book = ledger.Ledger(classname)
    writer = Writer(directory, book)
    writer.commit(4)
    writer.close()
    state(directory, book)
    book.save(directory + '.ledger')


def make_in_child(directory, state, format, classname):
    pid = os.fork()
    if not pid:
        try:
            signal.alarm(CHILD_SECONDS)
            make(directory, state, format, classname)
            os._exit(0)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
    end = os.waitpid(pid, 0)[1]
    if end not in (0, signal.SIGKILL):
        sys.exit('%s could not be made (wait status %d)' % (directory, end))


def main(directory, wanted):
    logging.basicConfig(level=logging.CRITICAL)
    for state in STATES:
        if wanted and state.__name__ not in wanted:
            continue
        for format in sorted(formats):
            for classname in CLASSES[:state in FULL_ONLY and 1 or None]:
                name = '%s-%s-%s' % (state.__name__, format, classname)
                make_in_child(os.path.join(directory, name), state, format, classname)
                print name
                sys.stdout.flush()


if __name__ == '__main__':
    main(os.path.abspath(sys.argv[1]), sys.argv[2:])
