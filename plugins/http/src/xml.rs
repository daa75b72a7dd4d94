//! XML-RPC documents, written and read by dxr.
//!
//! Before dxr reads one it is looked at as what it is, bytes from somewhere: dxr reads values
//! by recursion, so their depth is limited; a DTD is nothing that an answer needs. Its errors
//! are never shown: they contain the whole document.

use dxr::{MethodCall, Value};
use quick_xml::Reader;
use quick_xml::events::Event;

/// Elements in elements. A fault is 7 deep.
const DEEPEST: usize = 64;

/// A method's answer.
#[derive(Debug, PartialEq)]
pub(crate) enum Document {
    /// A value; none if it is of a kind that dxr does not know.
    Value(Option<Value>),
    /// A fault and its words.
    Fault(String),
}

/// Writes a call with at most one argument.
pub(crate) fn call(method: &str, argument: Option<&str>) -> Option<String> {
    let params = argument.map(|argument| Value::String(argument.to_owned())).into_iter().collect();
    let call = MethodCall { name: method.into(), params };
    Some(format!("<?xml version='1.0'?>\n{}\n", call.to_xml().ok()?))
}

/// Reads an answer; `None` if it is none.
pub(crate) fn read(bytes: &[u8]) -> Option<Document> {
    // Zope says no encoding and passes on the bytes of file names: that costs a letter only.
    let text = String::from_utf8_lossy(bytes);
    let shape = Shape::of(text.trim_start_matches('\u{feff}'))?;
    let value = shape.value.and_then(|value| Value::from_xml(value).ok());
    Some(if shape.is_fault { Document::Fault(fault_string(value)) } else { Document::Value(value) })
}

fn fault_string(value: Option<Value>) -> String {
    match value {
        Some(Value::Struct(mut members)) => match members.remove("faultString") {
            Some(Value::String(words)) => words,
            _ => "a fault without words".to_owned(),
        },
        _ => "a fault that cannot be read".to_owned(),
    }
}

/// What a well-formed answer is made of.
struct Shape<'t> {
    is_fault: bool,
    /// The first `<value>` of the answer, not one inside another.
    value: Option<&'t str>,
}

/// Where the reading of a document stands.
#[derive(Default)]
struct Scan {
    open: Vec<String>,
    roots: usize,
    answers: usize,
    is_fault: bool,
    begin: Option<usize>,
    end: Option<usize>,
}

impl<'t> Shape<'t> {
    fn of(text: &'t str) -> Option<Self> {
        let mut reader = Reader::from_str(text);
        let mut scan = Scan::default();
        loop {
            let at = position(&reader)?;
            match reader.read_event().ok()? {
                Event::Start(element) => scan.start(element.name().as_ref(), at)?,
                Event::Empty(element) => {
                    scan.start(element.name().as_ref(), at)?;
                    scan.end(position(&reader)?);
                }
                Event::End(_) => scan.end(position(&reader)?),
                Event::DocType(_) => return None,
                Event::Eof => break,
                _ => {}
            }
        }
        if !scan.open.is_empty() || scan.roots != 1 || scan.answers != 1 {
            return None;
        }
        let value = scan.begin.zip(scan.end).and_then(|(begin, end)| text.get(begin..end));
        Some(Self { is_fault: scan.is_fault, value })
    }
}

fn position(reader: &Reader<&[u8]>) -> Option<usize> {
    usize::try_from(reader.buffer_position()).ok()
}

impl Scan {
    fn start(&mut self, name: &str, at: usize) -> Option<()> {
        match (self.open.len(), name) {
            (0, "methodResponse") => self.roots += 1,
            (0, _) => return None,
            (1, "params" | "fault") => {
                self.answers += 1;
                self.is_fault |= name == "fault";
            }
            (depth, "value") if depth == self.depth_of_value() => {
                self.begin = self.begin.or(Some(at));
            }
            _ => {}
        }
        self.open.push(name.to_owned());
        (self.open.len() <= DEEPEST).then_some(())
    }

    fn end(&mut self, at: usize) {
        let closed = self.open.pop();
        let is_value = closed.is_some_and(|name| name == "value");
        if is_value && self.open.len() == self.depth_of_value() {
            self.end = self.end.or(Some(at));
        }
    }

    /// How many elements stand around the value: `params` has a `param` more than `fault`.
    fn depth_of_value(&self) -> usize {
        if self.is_fault { 2 } else { 3 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NIL: &str = "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value><nil/></value></param>\n</params>\n</methodResponse>\n";

    fn with_value(value: &str) -> Option<Document> {
        read(NIL.replace("<nil/>", value).as_bytes())
    }

    fn value(value: Value) -> Option<Document> {
        Some(Document::Value(Some(value)))
    }

    #[test]
    fn a_call_is_written_with_and_without_an_argument() {
        let call_with = call("enterSnapshot", Some("a<b&c")).unwrap();
        assert!(
            call_with.starts_with("<?xml version='1.0'?>\n<methodCall><methodName>enterSnapshot<")
        );
        let again = MethodCall::from_xml(&call_with).unwrap();
        assert_eq!(again.params, [Value::String("a<b&c".to_owned())]);
        let call_without = call("currentSnapshotCode", None).unwrap();
        assert_eq!(MethodCall::from_xml(&call_without).unwrap().params, []);
    }

    #[test]
    fn values_of_all_kinds_are_read() {
        assert_eq!(read(NIL.as_bytes()), value(Value::Nil));
        assert_eq!(with_value("<ex:nil/>"), value(Value::Nil));
        assert_eq!(with_value("<boolean>0</boolean>"), value(Value::Boolean(false)));
        let code = || value(Value::String("user/a-1".to_owned()));
        assert_eq!(with_value("<string>user/a-1</string>"), code());
        assert_eq!(with_value("user/a-1"), code());
        assert_eq!(with_value("<string>user&#47;a-1</string>"), code());
    }

    #[test]
    fn a_value_that_nobody_knows_is_still_an_answer() {
        for unknown in ["<ex:what/>", "<i8>7</i8>", "<int>x</int>", "<a><b/></a>"] {
            assert_eq!(with_value(unknown), Some(Document::Value(None)), "{unknown}");
        }
        let nothing = "<methodResponse><params/></methodResponse>";
        assert_eq!(read(nothing.as_bytes()), Some(Document::Value(None)));
    }

    #[test]
    fn a_faults_words_are_read_wherever_they_stand() {
        let member = |name: &str, value: &str| {
            format!("<member>\n<name>{name}</name>\n<value>{value}</value>\n</member>\n")
        };
        let code = member("faultCode", "<int>-1</int>");
        let words = member("faultString", "<string>&lt;class 'X'&gt; - \n it\u{e9} </string>");
        for members in [format!("{code}{words}"), format!("{words}{code}")] {
            let fault = format!(
                "<?xml version='1.0'?>\n<methodResponse>\n<fault>\n<value><struct>\n{members}</struct></value>\n</fault>\n</methodResponse>\n"
            );
            let Some(Document::Fault(words)) = read(fault.as_bytes()) else { panic!("{fault}") };
            assert!(words.starts_with("<class 'X'> - \n it\u{e9}"), "{words:?}");
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_cost_a_letter() {
        let bytes = [&b"<methodResponse><fault><value><struct><member><name>faultString</name><value><string>caf"[..], b"\xe9", b"</string></value></member></struct></value></fault></methodResponse>"].concat();
        assert_eq!(read(&bytes), Some(Document::Fault("caf\u{fffd}".to_owned())));
    }

    #[test]
    fn a_fault_without_readable_words_is_a_fault() {
        for odd in
            ["<fault/>", "<fault><value/></fault>", "<fault><value><struct/></value></fault>"]
        {
            let document = read(format!("<methodResponse>{odd}</methodResponse>").as_bytes());
            assert!(matches!(document, Some(Document::Fault(_))), "{odd}: {document:?}");
        }
    }

    #[test]
    fn what_is_no_whole_method_response_is_no_answer() {
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
            assert_eq!(read(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn a_dtd_is_no_answer() {
        let bomb =
            NIL.replace("<methodResponse>", "<!DOCTYPE x [<!ENTITY a 'b'>]><methodResponse>");
        assert_eq!(read(bomb.as_bytes()), None);
    }

    #[test]
    fn a_deep_document_is_no_answer() {
        let nested = |depth: usize| {
            let (open, close) = ("<array><data><value>", "</value></data></array>");
            with_value(&format!("{}<nil/>{}", open.repeat(depth), close.repeat(depth)))
        };
        assert!(nested(19).is_some());
        assert_eq!(nested(20), None);
        assert_eq!(nested(50_000), None);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_reading_fail(parts in proptest::collection::vec(PARTS_AND_ANYTHING, 0..12)) {
            read(parts.concat().as_bytes());
        }
    }

    /// Pieces of answers, and whatever else.
    const PARTS_AND_ANYTHING: &str = "</?(methodResponse|params|param|fault|value|struct|member|name|string|nil)/?>|faultString|<!--|-->|<!\\[CDATA\\[|&[a-z#0-9]{0,4};?|\\PC{0,3}";
}
