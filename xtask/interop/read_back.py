"""Opens storages with the real DirectoryStorage and compares every object with its ledger.

    read_back.py LIST

Each line of LIST names one storage: DIRECTORY, a tab, LEDGER. The storage must contain every
transaction, every object and every older revision (class Minimal keeps none), and nothing that
was never committed. Prints a line for each storage that does not, and at the end
`compared STORAGES TRANSACTIONS OBJECTS`. Exits with status 1 if any storage failed.

Opens all storages in one process, because starting Python takes most of the time.
make_storages.py makes the storages. Python 2.7.
"""

import hashlib
import logging
import os
import sys
import traceback
from binascii import b2a_hex

from DirectoryStorage.Storage import Storage
from ZODB.POSException import POSKeyError

import ledger


class Disagreement(Exception):
    pass


def expect(found, wanted, what):
    if found != wanted:
        raise Disagreement('%s: found %s, but %s was committed' % (what, found, wanted))


def compare(directory, book):
    storage = Storage(directory, synchronous=1)
    try:
        compare_current(storage, book)
        if book.classname == 'Full':
            compare_history(storage, book)
    finally:
        storage.close()


def compare_current(storage, book):
    expect(b2a_hex(storage._prev_serial), b2a_hex(book.tids[-1]), 'last transaction')
    for oid, (tid, md5) in sorted(book.current().items()):
        name = 'object %s' % b2a_hex(oid)
        try:
            pickle, found = storage.load(oid, '')
        except POSKeyError:
            raise Disagreement('%s is missing' % name)
        expect(b2a_hex(found), b2a_hex(tid), name + ', transaction')
        expect(hashlib.md5(pickle).hexdigest(), md5, name + ', content')
    for oid in book.never:
        try:
            storage.load(oid, '')
        except POSKeyError:
            continue
        raise Disagreement('found object %s, which was never committed' % b2a_hex(oid))


def compare_history(storage, book):
    storage.history_timeout = 0  # no limit; otherwise undoLog leaves out transactions that take long to read
    found = [b2a_hex(entry['id']) for entry in storage.undoLog(0, 1000000)]
    expect(found, [b2a_hex(tid) for tid in reversed(book.tids)], 'list of transactions')
    for oid, tid, md5 in book.revisions:
        name = 'object %s as of %s' % (b2a_hex(oid), b2a_hex(tid))
        try:
            pickle = storage.loadSerial(oid, tid)
        except POSKeyError:
            raise Disagreement('%s is missing' % name)
        expect(hashlib.md5(pickle).hexdigest(), md5, name + ', content')


def read_back(directory, book):
    """Returns None, or one line that says what is wrong."""
    try:
        compare(directory, book)
    except Disagreement as e:
        return str(e)
    except Exception:
        return 'cannot be opened or read: ' + ' '.join(traceback.format_exc().split())
    return None


def main(list_file):
    logging.basicConfig(level=logging.CRITICAL)
    storages = transactions = objects = wrong = 0
    for line in open(list_file):
        directory, ledger_file = line.rstrip('\n').split('\t')
        book = ledger.load(ledger_file)
        reason = read_back(directory, book)
        if reason:
            wrong += 1
            print '%s: %s' % (os.path.relpath(directory, os.path.dirname(list_file)), reason)
        storages += 1
        transactions += len(book.tids)
        objects += len(book.revisions if book.classname == 'Full' else book.current())
    print 'compared %d %d %d' % (storages, transactions, objects)
    return wrong and 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
