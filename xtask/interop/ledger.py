"""The ledger: what was committed to a storage, written by the program that committed it.

make_storages.py writes it while it commits. read_back.py compares the storage with it in the end.
It consists of plain lines, so that a person can look up a difference:

    class Full                         which class the storage has
    tid TID                            a committed transaction, oldest first
    object OID TID MD5                 a revision of an object, oldest first
    never OID                          an object of a transaction that was never committed

In a module of its own, so that both programs use the same format. Python 2.7.
"""

from binascii import a2b_hex, b2a_hex


class Ledger:

    def __init__(self, classname):
        self.classname = classname
        self.tids = []
        self.revisions = []  # (oid, tid, md5 of the pickle), in the order of commits
        self.never = []

    def current(self):
        """A mapping from oid to (tid, md5) of its newest revision."""
        newest = {}
        for oid, tid, md5 in self.revisions:
            newest[oid] = (tid, md5)
        return newest

    def save(self, path):
        lines = ['class %s' % self.classname]
        lines += ['tid %s' % b2a_hex(tid) for tid in self.tids]
        lines += ['object %s %s %s' % (b2a_hex(oid), b2a_hex(tid), md5)
                  for oid, tid, md5 in self.revisions]
        lines += ['never %s' % b2a_hex(oid) for oid in self.never]
        with open(path, 'w') as out:
            out.write('\n'.join(lines) + '\n')


def load(path):
    ledger = Ledger(None)
    for line in open(path):
        words = line.split()
        if words[0] == 'class':
            ledger.classname = words[1]
        elif words[0] == 'tid':
            ledger.tids.append(a2b_hex(words[1]))
        elif words[0] == 'object':
            ledger.revisions.append((a2b_hex(words[1]), a2b_hex(words[2]), words[3]))
        elif words[0] == 'never':
            ledger.never.append(a2b_hex(words[1]))
        else:
            raise ValueError('%s: %r is not a line of a ledger' % (path, line))
    return ledger
