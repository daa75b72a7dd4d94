//! The simulated Zope answers as the real one did, byte for byte except for the date.

use dsnap_testkit::Site;
use dsnap_testkit::site::{Call, Fault, ZopeVersion};

use crate::parallel::in_parallel;
use crate::support::{ADMIN, XML, body_of, call, exchange, post, site};

/// Compares an answer with the recorded one, plus the header about the closed connection.
#[track_caller]
fn assert_answer(answer: &str, status: &str, headers: &str, body: &str) {
    let (head, found) = answer.split_once("\n\n").unwrap();
    let without_date =
        head.lines().filter(|line| !line.starts_with("Date: ")).collect::<Vec<_>>().join("\n");
    assert_eq!(without_date, format!("HTTP/1.1 {status}\n{headers}Connection: close"));
    assert_eq!(found, body);
}

#[track_caller]
fn assert_document(answer: &str, length: usize, body: &str) {
    let headers = format!(
        "Server: Zope/(2.13.30, python 2.7.18, linux2) ZServer/1.1\nContent-Length: {length}\nContent-Type: text/xml\n"
    );
    assert_answer(answer, "200 OK", &headers, body);
}

const NIL: &str = "<?xml version='1.0'?>
<methodResponse>
<params>
<param>
<value><nil/></value></param>
</params>
</methodResponse>
";

fn fault(words: &str) -> String {
    format!(
        "<?xml version='1.0'?>
<methodResponse>
<fault>
<value><struct>
<member>
<name>faultCode</name>
<value><int>-1</int></value>
</member>
<member>
<name>faultString</name>
<value><string>{words}</string></value>
</member>
</struct></value>
</fault>
</methodResponse>
"
    )
}

const ERROR: &str =
    "Unexpected Zope exception: &lt;class 'DirectoryStorage.utils.DirectoryStorageError'&gt; - ";

#[test]
fn entering_looking_and_leaving_d1_d2_d8_d10() {
    let site = site();
    assert_document(&call(&site, "enterSnapshot", Some("host-1001")), 114, NIL);
    let code = "<?xml version='1.0'?>
<methodResponse>
<params>
<param>
<value><string>user/host-1001</string></value>
</param>
</params>
</methodResponse>
";
    assert_document(&call(&site, "currentSnapshotCode", None), 140, code);
    assert_document(&call(&site, "leaveSnapshot", Some("host-1001")), 114, NIL);
    site.server().unwrap().wait_until_free();
    assert_document(&call(&site, "currentSnapshotCode", None), 114, NIL);
}

#[test]
fn a_second_enter_and_wrong_codes_d4_d7_d9() {
    let site = site();
    let words = format!("{ERROR}bad code 'user/host-1001'!=None");
    assert_document(&call(&site, "leaveSnapshot", Some("host-1001")), 377, &fault(&words));
    call(&site, "enterSnapshot", Some("host-1001"));
    let words =
        format!("{ERROR}Can not enter snapshot mode: snapshot already in use by 'user/host-1001'");
    assert_document(&call(&site, "enterSnapshot", Some("host-1001")), 418, &fault(&words));
    let words = format!("{ERROR}bad code 'user/host-2002'!='user/host-1001'");
    assert_document(&call(&site, "leaveSnapshot", Some("host-2002")), 389, &fault(&words));
}

#[test]
fn a_second_enter_is_refused_under_any_code_and_later_calls_work_d3_d4_d11() {
    let site = site();
    call(&site, "enterSnapshot", Some("host-1001"));
    let in_use =
        format!("{ERROR}Can not enter snapshot mode: snapshot already in use by 'user/host-1001'");
    for code in ["host-2002", "host-1001"] {
        assert_document(&call(&site, "enterSnapshot", Some(code)), 418, &fault(&in_use));
        assert_eq!(site.held().as_deref(), Some("user/host-1001"));
    }
    let bad = format!("{ERROR}bad code 'user/host-2002'!='user/host-1001'");
    assert_document(&call(&site, "leaveSnapshot", Some("host-2002")), 389, &fault(&bad));
    let code = call(&site, "currentSnapshotCode", None);
    assert!(code.contains("<string>user/host-1001</string>"), "{code}");
    assert_document(&call(&site, "leaveSnapshot", Some("host-1001")), 114, NIL);
    site.server().unwrap().wait_until_free();
    assert_document(&call(&site, "enterSnapshot", Some("host-2002")), 114, NIL);
}

#[test]
fn a_wrong_code_while_the_sublock_is_held_is_answered_with_the_lock_d6() {
    let site = site();
    call(&site, "enterSnapshot", Some("x"));
    let tool = dsnap_engine::system::flock::FileLock::take(&site.storage().sublock()).unwrap();
    let answer = call(&site, "leaveSnapshot", Some("y"));
    assert!(answer.contains("zc.lockfile.LockError"), "{answer}");
    assert!(!answer.contains("bad code"), "{answer}");
    drop(tool);
    assert_document(&call(&site, "leaveSnapshot", Some("x")), 114, NIL);
}

#[test]
fn codes_are_quoted_as_python_quotes_them() {
    let site = site();
    let text = format!("{ERROR}bad code \"user/it's\"!=None");
    let body = |answer: String| answer.split_once("\n\n").unwrap().1.to_owned();
    assert_eq!(body(call(&site, "leaveSnapshot", Some("it's"))), fault(&text));
    call(&site, "enterSnapshot", Some("it's"));
    let words =
        format!("{ERROR}Can not enter snapshot mode: snapshot already in use by \"user/it's\"");
    assert_eq!(body(call(&site, "enterSnapshot", Some("x"))), fault(&words));
    let words = format!("{ERROR}bad code 'user/\"x\"'!=\"user/it's\"");
    assert_eq!(body(call(&site, "leaveSnapshot", Some("\"x\""))), fault(&words));
}

#[test]
fn a_code_that_is_not_ascii_is_a_fault_but_has_its_effect_d44_to_d48() {
    let site = site();
    let words = "Unexpected Zope exception: &lt;type 'exceptions.UnicodeEncodeError'&gt; - 'ascii' codec can't encode character u'\\xfc' in position 5: ordinal not in range(128)";
    let answer = call(&site, "enterSnapshot", Some("ü"));
    assert_eq!(answer.split_once("\n\n").unwrap().1, fault(words));
    assert_eq!(std::fs::read_to_string(site.storage().snapshot()).unwrap(), "");
    assert!(
        dsnap_engine::system::lock_holders::is_held(&site.storage().sublock()),
        "the server does not unlock it"
    );
    let code = call(&site, "currentSnapshotCode", None);
    assert!(code.contains("<string>user/ü</string>"), "{code}");
    assert_document(&call(&site, "leaveSnapshot", Some("ü")), 114, NIL);
    site.server().unwrap().wait_until_free();
    assert!(!site.storage().snapshot().exists());
}

#[test]
fn leaving_while_the_sublock_is_held_d5() {
    let site = site();
    call(&site, "enterSnapshot", Some("x"));
    let _tool = dsnap_engine::system::flock::FileLock::take(&site.storage().sublock()).unwrap();
    let answer = call(&site, "leaveSnapshot", Some("x"));
    let words = "Unexpected Zope exception: &lt;class 'zc.lockfile.LockError'&gt; - Couldn't lock '$STORAGE_DIR/misc/sublock'";
    assert_eq!(answer.split_once("\n\n").unwrap().1, fault(words));
}

#[test]
fn no_wrong_or_insufficient_credentials_d14_to_d18() {
    let site = site();
    let wrong = [
        "",
        "Authorization: Basic bm9ib2R5Om5vdGhpbmc=\n",
        "Authorization: Basic am9lOmpvZXBhc3M=\n",
    ];
    for headers in wrong {
        let answer = post(&site, &format!("{headers}{XML}"), &body_of("enterSnapshot", Some("x")));
        let (head, body) = answer.split_once("\n\n").unwrap();
        let head: Vec<_> = head.lines().filter(|line| !line.starts_with("Date: ")).collect();
        assert_eq!(
            head,
            [
                "HTTP/1.1 401 Unauthorized",
                "Server: Zope/(2.13.30, python 2.7.18, linux2) ZServer/1.1",
                "Bobo-Exception-Line: 756",
                "Content-Length: 1118",
                "Bobo-Exception-Value: See the server error log for details",
                "Content-Type: text/html; charset=iso-8859-15",
                "Bobo-Exception-Type: <class 'zExceptions.unauthorized.Unauthorized'>",
                "Bobo-Exception-File: HTTPResponse.py",
                "WWW-Authenticate: basic realm=\"Zope\"",
                "Connection: close",
            ]
        );
        assert!(body.contains("Unauthorized: You are not authorized"));
    }
    let lower = "authorization: basic YWRtaW46YWRtaW5wYXNz\ncontent-type: text/xml\n";
    assert_document(&post(&site, lower, &body_of("currentSnapshotCode", None)), 114, NIL);
}

#[test]
fn paths_and_methods_that_do_not_exist_d19_to_d24() {
    let site = site();
    let body = body_of("enterSnapshot", Some("host-1001"));
    let head =
        format!("POST /NoSuchToolkit HTTP/1.1\n{ADMIN}{XML}Content-Length: {}\n", body.len());
    let answer = exchange(&site, &head, &body);
    assert!(answer.starts_with("HTTP/1.1 200 OK\n") && answer.contains("\nContent-Length: 938\n"));
    assert!(answer.contains("Resource:  NoSuchToolkit\nPOST \n"), "{answer}");
    for method in ["isDirectorystorage", "noSuchMethod"] {
        let answer = call(&site, method, None);
        assert!(answer.contains("&lt;class 'zExceptions.NotFound'&gt;"), "{answer}");
    }
}

#[test]
fn a_call_without_a_code_has_its_effect_and_shows_a_page_d25_d26_d29() {
    let site = site();
    let moved = "Server: Zope/(2.13.30, python 2.7.18, linux2) ZServer/1.1\nContent-Length: 114\nContent-Type: text/xml\nLocation: http://ADDRESS/DSToolkit/manage_main\n";
    assert_answer(&call(&site, "enterSnapshot", None), "302 Moved Temporarily", moved, NIL);
    assert_eq!(site.held().as_deref(), Some("user/toolkit"));
    assert_answer(&call(&site, "leaveSnapshot", None), "302 Moved Temporarily", moved, NIL);
    site.server().unwrap().wait_until_free();
    assert_document(&call(&site, "enterSnapshot", Some("")), 114, NIL);
    assert_eq!(site.held().as_deref(), Some("user/toolkit"));
}

#[test]
fn requests_that_are_not_calls_d30_d31_d37_d38_d39() {
    let site = site();
    for body in ["not xml", "<?xml version='1.0'?>\n<other/>\n"] {
        let answer = post(&site, &format!("{ADMIN}{XML}"), body);
        assert!(answer.starts_with("HTTP/1.1 500 Internal Server Error\n"), "{answer}");
        assert!(answer.contains("\nContent-Type: text/html"), "{answer}");
    }
    for kind in ["", "Content-Type: application/xml\n"] {
        let answer = post(&site, &format!("{ADMIN}{kind}"), &body_of("enterSnapshot", Some("x")));
        assert!(answer.starts_with("HTTP/1.1 200 OK\n"), "{answer}");
        assert!(answer.contains("\nContent-Length: 1782\n"), "{answer}");
    }
    let head = format!("POST /DSToolkit HTTP/1.1\n{ADMIN}{XML}Transfer-Encoding: chunked\n");
    let answer = exchange(&site, &head, "1\r\nx\r\n0\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.0 400 Bad Request\n"), "{answer}");
    assert!(
        answer.contains("\nContent-Length: 136\nContent-Type: text/html\nServer: Medusa/121227\n")
    );
    assert_eq!(site.held(), None, "none of these requests was a call");
}

#[test]
fn a_zope_whose_zeo_server_is_gone_g1() {
    let site = site();
    site.stop_server().unwrap();
    let words = "Unexpected Zope exception: &lt;class 'ZEO.Exceptions.ClientDisconnected'&gt; - ";
    assert_document(&call(&site, "enterSnapshot", Some("host-1001")), 335, &fault(words));
}

#[test]
fn each_fault_has_the_effect_that_its_meaning_promises() {
    let answers = ZopeVersion::ALL.into_iter();
    let cases = answers.flat_map(|version| Fault::ALL.map(|fault| (version, fault)));
    in_parallel(cases, |(version, (fault, name, meaning))| {
        if matches!(fault, Fault::Silent | Fault::Deaf | Fault::Endless | Fault::Slow(_)) {
            return; // The program's own scenarios try answers that never end.
        }
        let site = Site::builder().answers(version).start().unwrap();
        site.fault(Some(0), fault, Some(Call::Enter), Some(1));
        let answer = call(&site, "enterSnapshot", Some("x"));
        let effect = meaning.contains("the call has its effect");
        assert_eq!(site.held().is_some(), effect, "{name}: {answer}");
        assert_eq!(Fault::from_name(name), Some(fault));
        // The fault affected one call only.
        let code = call(&site, "currentSnapshotCode", None);
        assert_eq!(code.contains("user/x"), effect, "{name}");
    });
}

#[test]
fn several_zopes_can_stand_in_front_of_one_storage() {
    let site = Site::builder().zopes(3).start().unwrap();
    assert_eq!(site.urls().len(), 3);
    let conf = std::fs::read_to_string(site.storage().config().join("snapshot.conf")).unwrap();
    assert_eq!(conf.lines().count(), 3);
    call(&site, "enterSnapshot", Some("x"));
    assert_eq!(site.held().as_deref(), Some("user/x"));
}

#[test]
fn the_fault_wrong_storage_enters_the_other_storage_only() {
    let site = site();
    site.fault(None, Fault::WrongStorage, None, None);
    call(&site, "enterSnapshot", Some("x"));
    assert_eq!((site.held(), site.other().1), (None, Some("user/x".to_owned())));
}
