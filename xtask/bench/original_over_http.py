"""Runs the original tool with a correction, so that it can speak HTTP on Python 2.7.

    python original_over_http.py ARGUMENT...

On every Python 2.7 the original's http method ends in an AttributeError, because its transport does
not call the constructor of its base class. This script adds that one call and nothing else. It is not
the script for comparisons (through_zope.py), because that one does more work. Python 2.7.
"""

import sys
import xmlrpclib

from DirectoryStorage import snapshot


class RepairedTransport(snapshot.xmlrpclib_auth_Transport):

    def __init__(self, username, password):
        xmlrpclib.Transport.__init__(self)
        broken.__init__(self, username, password)


broken = snapshot.xmlrpclib_auth_Transport
snapshot.xmlrpclib_auth_Transport = RepairedTransport
sys.exit(snapshot.main())
