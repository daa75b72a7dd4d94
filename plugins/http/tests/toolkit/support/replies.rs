//! Answers as a Zope 2.13 gives them.

use crate::support::server::Reply;

/// A whole answer.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\nServer: Zope/(2.13.30, python 2.7.18, linux2) ZServer/1.1\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A 200 with an XML document.
pub(crate) fn xml(body: &str) -> Vec<u8> {
    answer("200 OK", "Content-Type: text/xml\r\n", body)
}

/// The document around a value.
pub(crate) fn response(value: &str) -> String {
    format!(
        "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value>{value}</value></param>\n</params>\n</methodResponse>\n"
    )
}

/// A method that answered with a value.
pub(crate) fn value(value: &str) -> Reply {
    Reply::Bytes(xml(&response(value)))
}

/// No value: it did what it was asked, or nobody is in a snapshot.
pub(crate) fn nil() -> Reply {
    value("<nil/>")
}

/// The code of the current snapshot.
pub(crate) fn code(code: &str) -> Reply {
    value(&format!("<string>{code}</string>"))
}

/// The bytes of a fault with these words.
pub(crate) fn fault_bytes(words: &str) -> Vec<u8> {
    let words = words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    xml(&format!(
        "<?xml version='1.0'?>\n<methodResponse>\n<fault>\n<value><struct>\n<member>\n<name>faultCode</name>\n<value><int>-1</int></value>\n</member>\n<member>\n<name>faultString</name>\n<value><string>{words}</string></value>\n</member>\n</struct></value>\n</fault>\n</methodResponse>\n"
    ))
}

/// An exception in the server.
pub(crate) fn fault(class: &str, message: &str) -> Reply {
    Reply::Bytes(fault_bytes(&format!("Unexpected Zope exception: <class '{class}'> - {message}")))
}

/// The same in debug mode.
pub(crate) fn debug_fault(class: &str, message: &str) -> Reply {
    Reply::Bytes(fault_bytes(&format!(
        "Unexpected Zope exception: \nTraceback (most recent call last):\n  File \"LocalFilesystem.py\", line 402, in enter_snapshot\n    raise DirectoryStorageError('Can not enter snapshot mode: snapshot already in use by %r' % self.snapshot_code)\n{class}: {message}\n"
    )))
}

/// The class of DirectoryStorage's own exceptions.
pub(crate) const ERROR: &str = "DirectoryStorage.utils.DirectoryStorageError";

/// Refused to enter: there is a snapshot with this code.
pub(crate) fn in_use(code: &str) -> Reply {
    fault(ERROR, &format!("Can not enter snapshot mode: snapshot already in use by '{code}'"))
}

/// The fault for a path that leads to nothing.
pub(crate) fn not_found() -> Reply {
    fault(
        "zExceptions.NotFound",
        "   Site Error \n   An error was encountered while publishing this resource.\n   \n    Resource not found  \n\n  Sorry, the requested resource does not exist. Check the URL and try again.   Resource:  NoSuchToolkit\nPOST \n",
    )
}

/// `misc/sublock` is locked by another process.
pub(crate) fn locked() -> Reply {
    fault("zc.lockfile.LockError", "Couldn't lock '/srv/ds/misc/sublock'")
}

/// Zope has lost its ZEO server.
pub(crate) fn disconnected() -> Reply {
    fault("ZEO.Exceptions.ClientDisconnected", "")
}

/// A page with a status.
pub(crate) fn page(status: &str) -> Reply {
    let headers = "Content-Type: text/html; charset=iso-8859-15\r\nWWW-Authenticate: basic realm=\"Zope\"\r\n";
    Reply::Bytes(answer(status, headers, "  <h2>Site Error</h2>\n"))
}

/// A redirect, with the body of one that had its effect.
pub(crate) fn redirect(location: &str) -> Reply {
    let headers = format!("Content-Type: text/xml\r\nLocation: {location}\r\n");
    Reply::Bytes(answer("302 Moved Temporarily", &headers, &response("<nil/>")))
}
