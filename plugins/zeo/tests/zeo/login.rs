//! Servers that want a password, and servers that only look like the right one.

use dsnap_core::method::{Entered, Left};

use crate::support::conf_line::{ConfLine, expect};
use crate::support::pickles::{NOTICE, exception, text};
use crate::support::server::{Action, Script, Server};
use crate::support::session::ACCOUNT;

fn server() -> Server {
    Server::start(Script::new().with_password())
}

#[test]
fn the_password_of_the_access_file_lets_us_in_and_is_not_sent() {
    let server = server();
    let line = ConfLine::new(&server.address).with_password();
    assert_eq!(line.enter(), Entered::Held);
    assert_eq!(line.leave(), Left::Left);
    let login = "connect Z3101 getAuthProtocol auth_get_challenge auth_response register";
    assert!(server.all_calls().starts_with(login), "{}", server.all_calls());
}

#[test]
fn each_message_after_a_login_has_a_code_that_covers_all_before_it() {
    let large = [NOTICE, &[b'x'; 200_000]].concat();
    let then = |result: &[u8]| Box::new(Action::Reply(result.to_vec()));
    let script = Script::new()
        .with_password()
        .on("register", Action::After(vec![NOTICE.to_vec(), large], then(b"N")))
        .on("get_snapshot_code", Action::After(vec![NOTICE.to_vec()], then(b"N")));
    let server = Server::start(script);
    assert_eq!(ConfLine::new(&server.address).with_password().enter(), Entered::Held);
}

#[test]
fn a_server_that_wants_no_password_gets_none() {
    let server = Server::start(Script::new());
    assert_eq!(ConfLine::new(&server.address).with_password().enter(), Entered::Held);
    assert!(!server.all_calls().contains("auth_response"));
}

#[test]
fn a_wrong_or_missing_password_needs_a_person() {
    let server = server();
    let line = ConfLine::new(&server.address).with_password();
    let wrong = line.with_access("backup:wrong\n");
    let entered = expect(
        wrong.enter(),
        "refused",
        &["not authorised", "the password is wrong", "access: they must"],
    );
    assert!(!entered.to_string().contains("backup:wrong"));
    let none = ConfLine::new(&server.address);
    expect(none.enter(), "refused", &["wants a user and password", "zeo ADDRESS STORAGE ACCESS"]);
    let missing = ConfLine::new(&server.address).with_word("1").with_word("nothing");
    expect(missing.enter(), "refused", &["nothing cannot be read"]);
    assert!(!server.all_calls().contains("register"));
}

#[test]
fn a_credential_is_read_from_its_folder_and_a_missing_one_names_the_setting() {
    let server = server();
    let line = ConfLine::new(&server.address).with_credential("zeo");
    let missing = line.path("zeo").display().to_string();
    expect(line.enter(), "refused", &[&missing, "No such file", "LoadCredential=zeo:FILE"]);
    let [user, _, password] = ACCOUNT;
    let line = line.with_file("zeo", format!("{user}:{password}\n"));
    assert_eq!(line.enter(), Entered::Held);
}

#[test]
fn an_unknown_user_is_not_authorised() {
    let unknown = exception("exceptions.LookupError", "No such user: backup");
    let server = Server::start(Script::new().with_password().reply("auth_response", unknown));
    let entered = ConfLine::new(&server.address).with_password().enter();
    expect(entered, "refused", &["not authorised", "LookupError: No such user: backup"]);
}

#[test]
fn the_realm_of_the_line_must_be_that_of_the_server() {
    let server = server();
    let line = || ConfLine::new(&server.address).with_password();
    assert_eq!(line().with_word("realm=ds-realm").enter(), Entered::Held);
    let calls = server.all_calls().len();
    let other = line().with_word("realm=other").enter();
    expect(other, "refused", &["of the realm ds-realm, which is not the one on the line"]);
    assert!(!server.all_calls()[calls..].contains("auth_response"));
    let open = Server::start(Script::new());
    let line = ConfLine::new(&open.address).with_password().with_word("realm=ds-realm");
    expect(line.enter(), "refused", &["asks for no password, but the line names a realm"]);
}

#[test]
fn another_kind_of_authentication_is_refused() {
    let server = Server::start(Script::new().reply("getAuthProtocol", text("plaintext")));
    expect(
        ConfLine::new(&server.address).with_password().enter(),
        "refused",
        &["wants plaintext authentication"],
    );
}

#[test]
fn a_message_with_a_wrong_code_or_without_one_is_not_believed() {
    let reply = b"(J\x04\0\0\0K\0U\x06.replyNt.";
    let with_code = [&b"\x80\0\0\x11"[..], &[b'x'; 20], reply].concat();
    let without = [&b"\0\0\0\x11"[..], reply].concat();
    for (bytes, words) in
        [(with_code, "has a wrong authentication code"), (without, "has no authentication code")]
    {
        let script = Script::new().with_password().on("register", Action::Raw(bytes));
        let server = Server::start(script);
        let entered = ConfLine::new(&server.address).with_password().enter();
        expect(entered, "failed", &["cannot be read", words]);
        assert_eq!(server.calls(), "connect");
    }
}

#[test]
fn an_answer_to_an_enter_with_a_wrong_code_is_unknown() {
    let bytes = [&b"\x80\0\0\x11"[..], &[b'x'; 20], b"(J\x07\0\0\0K\0U\x06.replyNt."].concat();
    let script = Script::new().with_password().on("enter_snapshot", Action::Raw(bytes));
    let server = Server::start(script);
    let entered = ConfLine::new(&server.address).with_password().enter();
    expect(entered, "unknown", &["wrong authentication code", "may or may not have been entered"]);
}
