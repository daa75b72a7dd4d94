//! A method that panics, in the way that its line says: `panics enter`, `panics leave`,
//! `panics status`, `panics words`, each followed by `silently` if it gives no words.
//!
//! The vices that take C are in `testkit/c/villain.c`.
#![allow(clippy::panic, reason = "it is what this is for")]

use std::ffi::OsString;
use std::panic::panic_any;

use dsnap_sdk::{Entered, Left, Refusal, Request, SnapshotMethod, Status};

#[derive(Debug)]
struct Panics;

impl SnapshotMethod for Panics {
    fn name(&self) -> &str {
        "panics"
    }

    fn check_words(&self, words: &[OsString]) -> Result<(), Refusal> {
        panic_at("words", words);
        Ok(())
    }

    fn enter(&self, request: &Request<'_>) -> Entered {
        panic_at("enter", request.words);
        Entered::Held
    }

    fn leave(&self, request: &Request<'_>) -> Left {
        panic_at("leave", request.words);
        Left::Left
    }

    fn status(&self, request: &Request<'_>) -> Status {
        panic_at("status", request.words);
        Status::CannotTell
    }
}

fn panic_at(verb: &str, words: &[OsString]) {
    match words {
        [at, how] if at == verb && how == "silently" => panic_any(7),
        [at, ..] if at == verb => panic!("no way to {verb}\nand more about it"),
        _ => {}
    }
}

dsnap_sdk::export!(Panics);
