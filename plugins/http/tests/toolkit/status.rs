//! `status`: one question about the code, and no other call.

use dsnap_core::method::Status;

use crate::support::conf_line::{ConfLine, expect};
use crate::support::replies;
use crate::support::server::{Reply, Server};

/// Asks for the status of a server with these replies.
fn status_with(replies: impl IntoIterator<Item = Reply>) -> Status {
    let server = Server::start(replies);
    let status = ConfLine::new(&server.url()).status();
    assert!(server.calls().iter().all(|call| call == "currentSnapshotCode()"));
    status
}

#[test]
fn a_server_without_a_snapshot_could_enter() {
    assert_eq!(status_with([replies::nil()]), Status::CouldEnter);
    assert_eq!(status_with([replies::value("<boolean>0</boolean>")]), Status::CouldEnter);
}

#[test]
fn a_snapshot_is_reported_with_the_code_as_the_server_says_it() {
    assert_eq!(
        status_with([replies::code("user/host-1001")]),
        Status::Held(b"user/host-1001".to_vec())
    );
    assert_eq!(
        status_with([replies::code("user/toolkit")]),
        Status::Held(b"user/toolkit".to_vec())
    );
}

#[test]
fn a_server_that_packs_or_recombines_means_busy() {
    for code in ["packing", "recombining/user/host-1001"] {
        expect(status_with([replies::code(code)]), "busy", &[code]);
    }
}

#[test]
fn a_server_in_startup_means_refused() {
    expect(status_with([replies::code("startup")]), "refused", &["restart the server"]);
}

#[test]
fn no_usable_answer_means_unavailable() {
    expect(status_with([]), "unavailable", &["Connection refused"]);
    for reply in [Reply::Reset, replies::disconnected(), replies::page("502 Bad Gateway")] {
        expect(status_with([reply]), "unavailable", &[]);
    }
}

#[test]
fn a_missing_permission_and_a_wrong_path_mean_refused() {
    expect(status_with([replies::page("401 Unauthorized")]), "refused", &["not authorised"]);
    let login = replies::redirect("http://localhost/acl_users/login_form");
    expect(status_with([login]), "refused", &["not authorised", "login form"]);
    expect(status_with([replies::not_found()]), "refused", &["no DirectoryStorageToolkit at"]);
}
