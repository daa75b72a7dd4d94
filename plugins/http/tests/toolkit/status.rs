//! Looking: one question, and nothing else is sent.

use dsnap_core::method::Status;

use crate::replies;
use crate::server::{Reply, Server};
use crate::stage::{Site, expect};

fn play(replies: impl IntoIterator<Item = Reply>) -> Status {
    let server = Server::playing(replies);
    let status = Site::new(&server.url()).status();
    assert!(server.calls().iter().all(|call| call == "currentSnapshotCode()"));
    status
}

#[test]
fn no_snapshot_could_be_entered() {
    assert_eq!(play([replies::nil()]), Status::CouldEnter);
    assert_eq!(play([replies::value("<boolean>0</boolean>")]), Status::CouldEnter);
}

#[test]
fn a_snapshot_is_held_under_the_code_as_the_server_says_it() {
    assert_eq!(play([replies::code("user/host-1001")]), Status::Held(b"user/host-1001".to_vec()));
    assert_eq!(play([replies::code("user/toolkit")]), Status::Held(b"user/toolkit".to_vec()));
}

#[test]
fn a_server_that_packs_or_recombines_is_busy() {
    for code in ["packing", "recombining/user/host-1001"] {
        expect(play([replies::code(code)]), "busy", &[code]);
    }
}

#[test]
fn a_server_in_startup_is_refused() {
    expect(play([replies::code("startup")]), "refused", &["restart the server"]);
}

#[test]
fn nobody_there_or_no_good_answer_is_unavailable() {
    expect(play([]), "unavailable", &["Connection refused"]);
    for reply in [Reply::Reset, replies::disconnected(), replies::page("502 Bad Gateway")] {
        expect(play([reply]), "unavailable", &[]);
    }
}

#[test]
fn missing_rights_and_a_wrong_path_are_refused() {
    expect(play([replies::page("401 Unauthorized")]), "refused", &["not authorised"]);
    expect(play([replies::not_found()]), "refused", &["no DirectoryStorageToolkit at"]);
}
