//! The library `libdsnap_zeo.so` asks a scripted server: a method of this size can live outside the
//! program.
//!
//! A call of a library runs in a process of its own, for which the program starts itself again. So
//! this test is a program with a `main`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a scenario that goes wrong must fail")]
#![allow(dead_code, reason = "the linked method's scenarios share the scripted server")]

#[path = "../zeo/support/mod.rs"]
mod support;

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use dsnap_core::method::{Entered, Left, Methods, Status};
use dsnap_host::Registry;

use support::conf_line::{ConfLine, expect};
use support::pickles::text;
use support::server::{Script, Server};

fn main() {
    dsnap_host::answer_isolated_call();
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("libdsnap_zeo.so");
    let built = env::current_exe().unwrap().with_file_name("libdsnap_zeo.so");
    fs::copy(built, &library).unwrap();
    fs::set_permissions(&library, Permissions::from_mode(0o644)).unwrap();
    let methods = Registry::new("test").searching(vec![folder.path().to_owned()]);
    let zeo = methods.find(b"zeo").unwrap();

    let free = Server::start(Script::new().with_password());
    let line = ConfLine::new(&free.address).with_password();
    assert_eq!(line.enter_by(&*zeo), Entered::Held);
    assert_eq!(line.status_by(&*zeo), Status::CouldEnter);
    assert_eq!(line.leave_by(&*zeo), Left::Left);
    let busy = Server::start(Script::new().reply("get_snapshot_code", text("user/other-1")));
    let entered = ConfLine::new(&busy.address).enter_by(&*zeo);
    expect(entered, "busy", &["is already in another snapshot (user/other-1)"]);
    let newer = Server::start(Script::of_version(b"Z5"));
    expect(ConfLine::new(&newer.address).enter_by(&*zeo), "refused", &["is ZEO 5 or later"]);
    let words = zeo.check_words(&["nonsense".into()]).unwrap_err();
    assert!(words.text().contains("is neither host:port nor"), "{words}");
}
