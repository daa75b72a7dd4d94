"""Opens storages with the real DirectoryStorage and compares every object with its ledger.

    read_back.py LIST

LIST names one storage a line: DIRECTORY, a tab, LEDGER. Every transaction, every object,
every older revision (class Minimal keeps none) must be there, and nothing that was never
committed. Prints one line for each storage that disagrees, and at the end
`compared STORAGES TRANSACTIONS OBJECTS`; status 1 if any disagreed.

One process for all storages, because starting Python is what costs. Making the storages is
make_storages.py's part. Python 2.7.
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
        raise Disagreement('%s: found %s, committed was %s' % (what, found, wanted))


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
        raise Disagreement('object %s was never committed' % b2a_hex(oid))


def compare_history(storage, book):
    storage.history_timeout = 0  # no limit: undoLog would leave out what is too slow to look at
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
    """None, or what is wrong in one line."""
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
