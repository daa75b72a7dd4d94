//! XML-RPC documents, written and read by dxr.
//!
//! A response may come from anywhere, so `outline` checks its structure before dxr reads it. The
//! errors of dxr are never shown, because they contain the whole document.

mod outline;

use dxr::{MethodCall, Value};

use self::outline::Outline;

/// A response to a call.
#[derive(Debug, PartialEq)]
pub(crate) enum Document {
    /// A value; absent if dxr does not know its type.
    Value(Option<Value>),
    /// The `faultString` of a fault.
    Fault(String),
}

/// Writes a call with at most one argument. Returns `None` if the argument cannot be part of XML.
pub(crate) fn write_call(method: &str, argument: Option<&str>) -> Option<String> {
    let params = argument.map(|argument| Value::String(argument.to_owned())).into_iter().collect();
    let call = MethodCall { name: method.into(), params };
    Some(format!("<?xml version='1.0'?>\n{}\n", call.to_xml().ok()?))
}

/// Reads a response. Returns `None` if the document is not an XML-RPC response.
pub(crate) fn read_response(bytes: &[u8]) -> Option<Document> {
    // Zope names no encoding and copies the bytes of file names. One that is not UTF-8 only loses
    // characters.
    let text = String::from_utf8_lossy(bytes);
    let outline = Outline::parse(text.trim_start_matches('\u{feff}'))?;
    let value = outline.value.and_then(|value| Value::from_xml(value).ok());
    Some(if outline.is_fault {
        Document::Fault(fault_string(value))
    } else {
        Document::Value(value)
    })
}

fn fault_string(value: Option<Value>) -> String {
    match value {
        Some(Value::Struct(mut members)) => match members.remove("faultString") {
            Some(Value::String(text)) => text,
            _ => "a fault without a message".to_owned(),
        },
        _ => "a fault that cannot be read".to_owned(),
    }
}

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests {
    use super::*;

    const NIL: &str = "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value><nil/></value></param>\n</params>\n</methodResponse>\n";

    fn with_value(value: &str) -> Option<Document> {
        read_response(NIL.replace("<nil/>", value).as_bytes())
    }

    fn value(value: Value) -> Option<Document> {
        Some(Document::Value(Some(value)))
    }

    #[test]
    fn a_call_is_written_with_or_without_an_argument() {
        let call_with = write_call("enterSnapshot", Some("a<b&c")).unwrap();
        assert!(
            call_with.starts_with("<?xml version='1.0'?>\n<methodCall><methodName>enterSnapshot<")
        );
        let again = MethodCall::from_xml(&call_with).unwrap();
        assert_eq!(again.params, [Value::String("a<b&c".to_owned())]);
        let call_without = write_call("currentSnapshotCode", None).unwrap();
        assert_eq!(MethodCall::from_xml(&call_without).unwrap().params, []);
    }

    #[test]
    fn values_of_all_known_types_are_read() {
        assert_eq!(read_response(NIL.as_bytes()), value(Value::Nil));
        assert_eq!(with_value("<ex:nil/>"), value(Value::Nil));
        assert_eq!(with_value("<boolean>0</boolean>"), value(Value::Boolean(false)));
        let code = || value(Value::String("user/a-1".to_owned()));
        assert_eq!(with_value("<string>user/a-1</string>"), code());
        assert_eq!(with_value("user/a-1"), code());
        assert_eq!(with_value("<string>user&#47;a-1</string>"), code());
    }

    #[test]
    fn a_response_with_a_value_of_an_unknown_type_is_still_a_response() {
        for unknown in ["<ex:what/>", "<i8>7</i8>", "<int>x</int>", "<a><b/></a>"] {
            assert_eq!(with_value(unknown), Some(Document::Value(None)), "{unknown}");
        }
        let nothing = "<methodResponse><params/></methodResponse>";
        assert_eq!(read_response(nothing.as_bytes()), Some(Document::Value(None)));
    }

    #[test]
    fn the_text_of_a_fault_is_read_wherever_it_stands() {
        let member = |name: &str, value: &str| {
            format!("<member>\n<name>{name}</name>\n<value>{value}</value>\n</member>\n")
        };
        let code = member("faultCode", "<int>-1</int>");
        let words = member("faultString", "<string>&lt;class 'X'&gt; - \n it\u{e9} </string>");
        for members in [format!("{code}{words}"), format!("{words}{code}")] {
            let fault = format!(
                "<?xml version='1.0'?>\n<methodResponse>\n<fault>\n<value><struct>\n{members}</struct></value>\n</fault>\n</methodResponse>\n"
            );
            let Some(Document::Fault(words)) = read_response(fault.as_bytes()) else {
                panic!("{fault}")
            };
            assert!(words.starts_with("<class 'X'> - \n it\u{e9}"), "{words:?}");
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_become_replacement_characters() {
        let bytes = [&b"<methodResponse><fault><value><struct><member><name>faultString</name><value><string>caf"[..], b"\xe9", b"</string></value></member></struct></value></fault></methodResponse>"].concat();
        assert_eq!(read_response(&bytes), Some(Document::Fault("caf\u{fffd}".to_owned())));
    }

    #[test]
    fn a_fault_without_a_readable_text_is_still_a_fault() {
        for odd in
            ["<fault/>", "<fault><value/></fault>", "<fault><value><struct/></value></fault>"]
        {
            let document =
                read_response(format!("<methodResponse>{odd}</methodResponse>").as_bytes());
            assert!(matches!(document, Some(Document::Fault(_))), "{odd}: {document:?}");
        }
    }

    #[test]
    fn a_document_that_is_not_one_whole_response_is_refused() {
        for wrong in [
            "",
            "hello",
            "<html><body/></html>",
            "<methodCall><methodName>x</methodName></methodCall>",
            "<methodResponse/>",
            "<methodResponse></methodResponse>",
            "<methodResponse><params/>",
            "<methodResponse><params></methodResponse></params>",
            "<methodResponse><params/><fault/></methodResponse>",
            "<methodResponse><params/></methodResponse><methodResponse><params/></methodResponse>",
            &NIL[..NIL.len() - 3],
        ] {
            assert_eq!(read_response(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn a_document_with_a_dtd_is_refused() {
        let bomb =
            NIL.replace("<methodResponse>", "<!DOCTYPE x [<!ENTITY a 'b'>]><methodResponse>");
        assert_eq!(read_response(bomb.as_bytes()), None);
    }

    #[test]
    fn a_document_that_is_too_deep_is_refused() {
        let nested = |depth: usize| {
            let (open, close) = ("<array><data><value>", "</value></data></array>");
            with_value(&format!("{}<nil/>{}", open.repeat(depth), close.repeat(depth)))
        };
        assert!(nested(19).is_some());
        assert_eq!(nested(20), None);
        assert_eq!(nested(50_000), None);
    }
}
