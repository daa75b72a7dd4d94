//! Conversations that nobody thought of: what a server says is changed at random.

use dsnap_core::method::Entered;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::support::conf_line::{ConfLine, Outcome, expect};
use crate::support::pickles::{METHODS, NOTICE, frame, in_use, reply};
use crate::support::server::{Action, CONNECT, Script, Server};

/// All that a server says from its announcement to its answer to an enter, a message each.
fn messages(last: &[u8]) -> Vec<Vec<u8>> {
    let replies: [&[u8]; 5] = [b"N", b"N", METHODS, b"N", last];
    let reply = |(at, result): (usize, &&[u8])| reply(&[at as u8 + 1, 0, 0, 0], result);
    let mut all: Vec<_> = [b"Z3101".to_vec()].into_iter().collect();
    all.extend(replies.iter().enumerate().map(reply));
    all.insert(2, NOTICE.to_vec());
    all
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_conversation_ends_with_a_result_and_a_harmless_reason(
        has_exception in any::<bool>(),
        changes in vec((any::<Index>(), vec(any::<u8>(), 0..4), any::<bool>()), 0..4),
        framed in any::<bool>(),
    ) {
        let last = if has_exception { in_use("user/x") } else { b"N".to_vec() };
        let mut all = messages(&last);
        // Either the messages are changed, or the bytes of the connection with their lengths.
        if !framed {
            all = vec![all.iter().flat_map(|message| frame(message)).collect()];
        }
        for (at, bytes, inserts) in &changes {
            let message = at.index(all.len());
            let at = at.index(all[message].len() + 1);
            let end = if *inserts { at } else { (at + bytes.len()).min(all[message].len()) };
            all[message].splice(at..end, bytes.iter().copied());
        }
        let said = if framed { all.iter().flat_map(|it| frame(it)).collect() } else { all.remove(0) };
        let server = Server::start(Script::new().on(CONNECT, Action::RawThenEnd(said)));
        let line = ConfLine::new(&server.address);
        let entered = line.enter();
        if !matches!(entered, Entered::Held) {
            let (variant, _) = entered.clone().into_parts();
            expect(entered, variant, &[]);
        }
    }
}
