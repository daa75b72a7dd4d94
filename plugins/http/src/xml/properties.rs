//! What holds for every document that a server may send.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// The parts of documents, and other text.
const PART: &str = "</?(methodResponse|params|param|fault|value|struct|member|name|string|nil|array|data|int)/?>|faultString|<!--|-->|<!\\[CDATA\\[|\\]\\]>|<\\?xml|&[a-z#0-9]{0,4};?|\\PC{0,3}";

/// Text that XML can contain, with what Zope escapes in it.
const TEXT: &str = "([^\\pC]|[<>&\"' \n\t]){0,40}";

/// Writes text as Zope does: only these three are escaped.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The document of a value, which `value` writes.
fn response(value: &str) -> String {
    format!(
        "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value>{value}</value></param>\n</params>\n</methodResponse>\n"
    )
}

fn fault(words: &str) -> String {
    format!(
        "<?xml version='1.0'?>\n<methodResponse>\n<fault>\n<value><struct>\n<member>\n<name>faultCode</name>\n<value><int>-1</int></value>\n</member>\n<member>\n<name>faultString</name>\n<value><string>{words}</string></value>\n</member>\n</struct></value>\n</fault>\n</methodResponse>\n"
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_parts_of_documents_make_the_reader_panic(parts in vec(PART, 0..12)) {
        read_response(parts.concat().as_bytes());
    }

    #[test]
    fn no_bytes_make_the_reader_panic(
        begin in "(\u{feff}?<methodResponse><(params|fault)>)?",
        bytes in vec(any::<u8>(), 0..200),
    ) {
        read_response(&[begin.as_bytes(), &bytes].concat());
    }

    #[test]
    fn a_string_reads_back_as_it_was_sent(text in TEXT) {
        let document = response(&format!("<string>{}</string>", escaped(&text)));
        let read = read_response(document.as_bytes());
        prop_assert_eq!(read, Some(Document::Value(Some(Value::String(text)))));
    }

    #[test]
    fn a_number_and_a_truth_value_read_back_as_they_were_sent(number: i32, truth: bool) {
        let read = |value: String| read_response(response(&value).as_bytes());
        let value = |value| Some(Document::Value(Some(value)));
        prop_assert_eq!(read(format!("<int>{number}</int>")), value(Value::Integer(number)));
        let boolean = format!("<boolean>{}</boolean>", u8::from(truth));
        prop_assert_eq!(read(boolean), value(Value::Boolean(truth)));
    }

    #[test]
    fn the_words_of_a_fault_read_back_as_they_were_sent(words in TEXT) {
        let read = read_response(fault(&escaped(&words)).as_bytes());
        prop_assert_eq!(read, Some(Document::Fault(words)));
    }

    #[test]
    fn a_call_is_read_by_others_as_it_was_meant(argument in TEXT) {
        let call = write_call("enterSnapshot", Some(&argument)).unwrap();
        let read = MethodCall::from_xml(&call).unwrap();
        prop_assert_eq!(read.params, [Value::String(argument)]);
    }

    #[test]
    fn elements_of_any_name_nest_no_deeper_than_the_limit(
        names in vec("array|data|value|struct|member|[a-z]{1,3}", 0..9),
        depth in 60..200_usize,
    ) {
        let names: Vec<_> = names.iter().map(String::as_str).chain(["value"]).collect();
        let nested = || (0..depth).map(|at| names[at % names.len()]);
        let open: String = nested().map(|name| format!("<{name}>")).collect();
        let close: String = nested().rev().map(|name| format!("</{name}>")).collect();
        // Four elements are around what is nested here.
        let is_read = read_response(response(&format!("{open}{close}")).as_bytes()).is_some();
        prop_assert_eq!(is_read, depth + 4 <= dsnap_engine::limits::MAX_XML_DEPTH);
    }

    #[test]
    fn half_a_document_is_no_answer(words in TEXT, end: prop::sample::Index) {
        for document in [fault(&escaped(&words)), response("<nil/>")] {
            let whole = document.trim_end();
            let half = &whole.as_bytes()[..end.index(whole.len())];
            prop_assert_eq!(read_response(half), None);
        }
    }
}
