//! What holds for every response: recorded ones of a Zope, changed at random.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use dsnap_engine::server::current_use::{self, CurrentUse};
use dsnap_engine::server::exception;

const ACCESS: &str = "/srv/ds/config/access";

/// Bodies of recorded responses, shortened where only their length is remarkable.
const RECORDED: [&str; 5] = [
    "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value><nil/></value></param>\n</params>\n</methodResponse>\n",
    "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value><string>user/host-1001</string></value>\n</param>\n</params>\n</methodResponse>\n",
    "<?xml version='1.0'?>\n<methodResponse>\n<fault>\n<value><struct>\n<member>\n<name>faultCode</name>\n<value><int>-1</int></value>\n</member>\n<member>\n<name>faultString</name>\n<value><string>Unexpected Zope exception: &lt;class 'DirectoryStorage.utils.DirectoryStorageError'&gt; - Can not enter snapshot mode: snapshot already in use by 'user/host-1001'</string></value>\n</member>\n</struct></value>\n</fault>\n</methodResponse>\n",
    "<?xml version='1.0'?>\n<methodResponse>\n<fault>\n<value><struct>\n<member>\n<name>faultCode</name>\n<value><int>-1</int></value>\n</member>\n<member>\n<name>faultString</name>\n<value><string>Unexpected Zope exception: \nTraceback (most recent call last):\n  File \"$DIR/LocalFilesystem.py\", line 402, in enter_snapshot\n    raise DirectoryStorageError('Can not enter snapshot mode: snapshot already in use by %r' % self.snapshot_code)\nDirectoryStorageError: Can not enter snapshot mode: snapshot already in use by 'user/host-1001'\n</string></value>\n</member>\n</struct></value>\n</fault>\n</methodResponse>\n",
    "<head>\n<title>Error response</title>\n</head>\n<body>\n<h1>Error response</h1>\n<p>Error code 400.\n<p>Message: Bad Request.\n</body>\n",
];

/// Replaces a part of a body, cuts it off there, or repeats what stands before it.
#[derive(Debug, Clone)]
enum Change {
    Replace(Vec<u8>),
    Cut,
    Repeat,
}

fn change() -> impl Strategy<Value = (Index, Index, Change)> {
    let bytes = prop_oneof![
        vec(any::<u8>(), 0..6),
        "(adminpass|<[a-z/]{1,6}>|\u{1b}\\[1m|\u{202e}|\n|\\PC){0,3}".prop_map(String::into_bytes),
    ];
    let change =
        prop_oneof![bytes.prop_map(Change::Replace), Just(Change::Cut), Just(Change::Repeat)];
    (any::<Index>(), any::<Index>(), change)
}

fn changed(body: &[u8], (begin, end, change): &(Index, Index, Change)) -> Vec<u8> {
    let begin = begin.index(body.len() + 1);
    // Most changes are short.
    let end = (begin + end.index(body.len() + 1) % 9).min(body.len());
    match change {
        Change::Replace(bytes) => [&body[..begin], bytes, &body[end..]].concat(),
        Change::Cut => body[..begin].to_vec(),
        Change::Repeat => [&body[..begin], &body[..begin], &body[begin..]].concat(),
    }
}

/// Words of a fault, as an exception may have them.
const WORDS: &str = "(Unexpected Zope exception: |Traceback \\(most recent call last\\):\n|  File \"x\"\n)?(<class 'a\\.[A-Z][a-zA-Z]{0,9}'> - |[A-Z][a-z]{0,9}: )?(adminpass|admin%70ass|already in use by 'user/|recombining/|\u{1b}\\[1m|\u{202e}|['\n ]|\\PC){0,20}";

/// Writes the document of a fault.
fn fault(words: &str) -> Vec<u8> {
    let words = words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!("<methodResponse><fault><value><struct><member><name>faultString</name><value><string>{words}</string></value></member></struct></value></fault></methodResponse>").into_bytes()
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let changed = changed_body();
    prop_oneof![changed, WORDS.prop_map(|words| fault(&words))]
}

fn changed_body() -> impl Strategy<Value = Vec<u8>> {
    (select(&RECORDED[..]), vec(change(), 0..4)).prop_map(|(recorded, changes)| {
        let recorded = recorded.as_bytes().to_vec();
        changes.iter().fold(recorded, |body, change| changed(&body, change))
    })
}

fn response() -> impl Strategy<Value = Response> {
    let status = prop_oneof![Just(200), select(&[302_u16, 401, 404, 500][..]), 100..1000_u16];
    let text = "(adminpass|[/:@?#;.=%]|login|text/xml|\u{202e}|[^\r\n]){0,20}";
    let xml = select(&["text/xml", "application/xml"][..]).prop_map(str::to_owned);
    let content_type = prop_oneof![xml, text];
    let encoding = prop_oneof![Just(String::new()), text];
    (status, content_type, encoding, text, body()).prop_map(
        |(status, kind, encoding, location, body)| {
            let status = StatusCode::from_u16(status).unwrap();
            Response { status, content_type: kind, encoding, location: location.into_bytes(), body }
        },
    )
}

/// Everything that a reason can say of a response, a server's code included.
fn reasons(endpoint: Endpoint<'_>, response: &Response) -> Vec<Reason> {
    match endpoint.read_answer(response) {
        Ok(Answer::Value(_)) => Vec::new(),
        Ok(Answer::Fault(fault)) => {
            let explained = endpoint.explain(&fault).map(CallError::into_reason);
            let shown = |words: &str| endpoint.secrets.shown(words);
            let in_use = match fault.clone().into_exception().meaning() {
                exception::Meaning::InUse(CurrentUse::Snapshot(code)) => {
                    Some(current_use::in_another_snapshot(endpoint.url, &shown(&code)))
                }
                exception::Meaning::InUse(CurrentUse::ServerTask(task)) => {
                    Some(current_use::busy_with_task(endpoint.url, &task, &shown(&task)))
                }
                _ => None,
            };
            let failed = endpoint.call_failed("enterSnapshot", &fault);
            explained.into_iter().chain(in_use).chain([failed]).collect()
        }
        Err(error) => vec![error.into_reason()],
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_response_is_an_answer_or_a_short_harmless_reason_without_a_secret(response in response()) {
        let secrets = Secrets::new(b"admin", b"adminpass");
        let endpoint = Endpoint {
            url: "http://zope/DSToolkit",
            access_file: Path::new(ACCESS),
            secrets: &secrets,
        };
        for reason in reasons(endpoint, &response) {
            for line in reason.hints().iter().map(String::as_str).chain([reason.text()]) {
                prop_assert!(!line.chars().any(text::is_harmful), "{:?}", line);
                prop_assert!(line.chars().count() < text::MAX_SHOWN_CHARS + 200, "{}", line);
                prop_assert!(!line.contains("adminpass") && !line.contains("%70"), "{}", line);
            }
        }
    }

    #[test]
    fn only_a_200_with_xml_is_an_answer(response in response()) {
        let secrets = Secrets::new(b"", b"");
        let endpoint = Endpoint { url: "", access_file: Path::new(ACCESS), secrets: &secrets };
        if endpoint.read_answer(&response).is_ok() {
            prop_assert_eq!(response.status, StatusCode::OK);
            let kind = response.content_type.to_lowercase();
            let is_xml = |it: &&str| kind.trim_start().starts_with(*it);
            prop_assert!(["text/xml", "application/xml"].iter().any(is_xml));
            prop_assert!(xml::read_response(&response.body).is_some());
        }
    }
}
