//! Responses as a Zope 2.13 gives them.

use crate::support::server::Reply;

/// Makes the bytes of a complete HTTP response.
pub(crate) fn http_response(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\nServer: Zope/(2.13.30, python 2.7.18, linux2) ZServer/1.1\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Makes the bytes of a 200 with an XML document.
pub(crate) fn xml_response(body: &str) -> Vec<u8> {
    http_response("200 OK", "Content-Type: text/xml\r\n", body)
}

/// Makes the XML-RPC document for a value.
pub(crate) fn document(value: &str) -> String {
    format!(
        "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value>{value}</value></param>\n</params>\n</methodResponse>\n"
    )
}

/// Replies with a value.
pub(crate) fn value(value: &str) -> Reply {
    Reply::Bytes(xml_response(&document(value)))
}

/// Replies with nil: the call succeeded, or the storage is not in use.
pub(crate) fn nil() -> Reply {
    value("<nil/>")
}

/// Replies with a snapshot code.
pub(crate) fn code(code: &str) -> Reply {
    value(&format!("<string>{code}</string>"))
}

/// Replies with a fault with this `faultString`.
pub(crate) fn fault_saying(text: &str) -> Reply {
    Reply::Bytes(fault_bytes(text))
}

/// Makes the bytes of a fault with this `faultString`.
fn fault_bytes(text: &str) -> Vec<u8> {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    xml_response(&format!(
        "<?xml version='1.0'?>\n<methodResponse>\n<fault>\n<value><struct>\n<member>\n<name>faultCode</name>\n<value><int>-1</int></value>\n</member>\n<member>\n<name>faultString</name>\n<value><string>{text}</string></value>\n</member>\n</struct></value>\n</fault>\n</methodResponse>\n"
    ))
}

/// Replies with the fault of an exception.
pub(crate) fn fault(class: &str, message: &str) -> Reply {
    Reply::Bytes(fault_bytes(&format!("Unexpected Zope exception: <class '{class}'> - {message}")))
}

/// Replies with the fault of an exception, as in debug mode.
pub(crate) fn debug_fault(class: &str, message: &str) -> Reply {
    Reply::Bytes(fault_bytes(&format!(
        "Unexpected Zope exception: \nTraceback (most recent call last):\n  File \"LocalFilesystem.py\", line 402, in enter_snapshot\n    raise DirectoryStorageError('Can not enter snapshot mode: snapshot already in use by %r' % self.snapshot_code)\n{class}: {message}\n"
    )))
}

/// The class of DirectoryStorage's own exceptions.
pub(crate) const DIRECTORY_STORAGE_ERROR: &str = "DirectoryStorage.utils.DirectoryStorageError";

/// Refuses to enter, because the storage is in use under this code.
pub(crate) fn in_use(code: &str) -> Reply {
    fault(
        DIRECTORY_STORAGE_ERROR,
        &format!("Can not enter snapshot mode: snapshot already in use by '{code}'"),
    )
}

/// Replies with the fault for a path that does not exist.
pub(crate) fn not_found() -> Reply {
    fault(
        "zExceptions.NotFound",
        "   Site Error \n   An error was encountered while publishing this resource.\n   \n    Resource not found  \n\n  Sorry, the requested resource does not exist. Check the URL and try again.   Resource:  NoSuchToolkit\nPOST \n",
    )
}

/// Replies with the fault for a `misc/sublock` that another process has locked.
pub(crate) fn locked() -> Reply {
    fault("zc.lockfile.LockError", "Couldn't lock '/srv/ds/misc/sublock'")
}

/// Replies with the fault of a Zope that has lost its ZEO server.
pub(crate) fn disconnected() -> Reply {
    fault("ZEO.Exceptions.ClientDisconnected", "")
}

/// Replies with a page of HTML and this status.
pub(crate) fn page(status: &str) -> Reply {
    let headers = "Content-Type: text/html; charset=iso-8859-15\r\nWWW-Authenticate: basic realm=\"Zope\"\r\n";
    Reply::Bytes(http_response(status, headers, "  <h2>Site Error</h2>\n"))
}

/// Replies with a redirect, and the body of a call that had its effect.
pub(crate) fn redirect(location: &str) -> Reply {
    let headers = format!("Content-Type: text/xml\r\nLocation: {location}\r\n");
    Reply::Bytes(http_response("302 Moved Temporarily", &headers, &document("<nil/>")))
}
