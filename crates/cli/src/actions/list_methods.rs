//! `--list-methods`: lists the methods, and checks the conf of a storage.

use dsnap_core::Reason;
use dsnap_engine::exit_status;
use dsnap_engine::run::session::Session;

use super::opening::{registry, with_storage};
use crate::chronicle::Chronicle;
use crate::documents::json;
use crate::documents::listing::Listing;
use crate::resolve::Invocation;
use crate::terminal::output;

/// Prints the list. Returns the exit status.
pub(super) fn list_methods(invocation: &Invocation, as_json: bool) -> u8 {
    match listing(invocation) {
        Ok(listing) => {
            let text = if as_json { json(&listing) } else { listing.to_string() };
            output::print_result(text.trim_end());
            listing.unreadable().into_iter().for_each(print_listing_failed);
            listing.status()
        }
        Err(reason) => {
            if as_json {
                output::print_result(&json(&Listing::failed(&reason)));
            }
            print_listing_failed(&reason);
            exit_status::FAILED
        }
    }
}

fn print_listing_failed(reason: &Reason) {
    output::print_message(&format!("--list-methods failed: {reason}"));
}

/// Lists the methods. With a storage, also reads its conf, with the privileges of each line.
fn listing(invocation: &Invocation) -> Result<Listing, Reason> {
    let methods = registry(invocation);
    if invocation.dir.is_none() {
        return Ok(Listing::new(&methods, None));
    }
    let (dir, chronicle) = (invocation.dir.as_deref(), Chronicle::new());
    with_storage(invocation, dir, &chronicle, |storage, privileges, program| {
        let session = Session::open(&invocation.job, storage, privileges, &methods, program);
        Listing::new(&methods, Some(&session))
    })
}
