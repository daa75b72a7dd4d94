//! Servers that want to cost us time or memory. A limit of time ends each conversation, and no
//! server makes us use more than 128 KiB.

use std::thread;
use std::time::{Duration, Instant};

use allocation_counter::measure;
use dsnap_core::method::Entered;

use crate::support::conf_line::{ConfLine, expect};
use crate::support::pickles::{NOTICE, exception, frame, reply};
use crate::support::server::{Action, CONNECT, Script, Server};

/// The limit of each conversation.
const LIMIT: Duration = Duration::from_millis(400);
/// Much longer than a conversation with that limit takes, even on a slow machine.
const MAX_TIME: Duration = Duration::from_secs(20);
/// What one conversation may use at any time, in bytes.
const MAX_MEMORY: u64 = 128 << 10;

/// What a server may do when it is asked for its snapshot code.
fn attacks() -> Vec<(&'static str, Action)> {
    let head = |length: u32| length.to_be_bytes().to_vec();
    let endless = [&head(0x7fff_ffff)[..], NOTICE, &[b'x'; 4096]].concat();
    let number = [4, 0, 0, 0];
    let nested = [b")", &[0x85; 60_000][..]].concat();
    let many = [b"(", &[b'N'; 60_000][..], b"t"].concat();
    let memo = b"(q\0h\0h\0h\0h\0h\0h\0h\0tq\x01(h\x01h\x01h\x01h\x01h\x01h\x01h\x01t".to_vec();
    let long_text = [b"T\xf0\xff\0\0", &[b'x'; 0xfff0][..]].concat();
    let escapes = exception("exceptions.KeyError", "\u{1b}]0;owned\u{7}\u{202e}\r\n\u{9b}31m");
    let long_error = exception("exceptions.KeyError", &"\u{1b}".repeat(60_000));
    vec![
        ("an endless message", Action::Endless(endless)),
        ("endless notices", Action::Endless(frame(NOTICE))),
        ("endless empty messages", Action::Endless(frame(b""))),
        ("trickled bytes", Action::Trickle(reply(&number, b"N").repeat(9), 20)),
        ("a length without a body", Action::Raw(head(0x7fff_ffff))),
        ("a huge reply", Action::Reply(vec![b'('; 1 << 20])),
        ("a text with a huge length", Action::Reply(b"T\xff\xff\xff\xff".to_vec())),
        ("a text of 64 KiB", Action::Reply(long_text)),
        ("nested tuples", Action::Reply(nested)),
        ("a long tuple", Action::Reply(many)),
        ("a memo that doubles", Action::Reply(memo)),
        ("a call", Action::Reply(b"cos\nsystem\n(U\x04exitt\x52".to_vec())),
        ("escapes in an exception", Action::Reply(escapes)),
        ("a long exception", Action::Reply(long_error)),
        ("silence", Action::Silence),
    ]
}

#[test]
fn no_server_costs_more_than_the_time_limit_and_a_little_memory() {
    let conversations = attacks().into_iter().map(|(attack, action)| {
        thread::spawn(move || {
            let server = Server::start(Script::new().on("get_snapshot_code", action));
            let line = ConfLine::new(&server.address).with_limit(LIMIT);
            let (mut entered, began) = (Entered::Held, Instant::now());
            let used = measure(|| entered = line.enter());
            assert!(began.elapsed() < MAX_TIME, "{attack}: {:?}", began.elapsed());
            assert!(used.bytes_max < MAX_MEMORY, "{attack}: {} bytes", used.bytes_max);
            let reason = match entered {
                Entered::Unavailable(_) => expect(entered, "unavailable", &[]),
                Entered::Refused(_) => expect(entered, "refused", &[]),
                _ => expect(entered, "failed", &[]),
            };
            assert!(reason.text().chars().count() < 500, "{attack}: {reason}");
            assert_eq!(server.calls(), "connect get_snapshot_code", "{attack}");
            used.bytes_max
        })
    });
    let conversations: Vec<_> = conversations.collect();
    let most = conversations.into_iter().map(|it| it.join().unwrap()).max().unwrap();
    println!("the most expensive of the attacks used {most} bytes");
}

#[test]
fn the_largest_message_that_is_kept_is_within_the_memory_limit() {
    let text = vec![b'x'; (1 << 16) - 100];
    let result = [b"T", &(text.len() as u32).to_le_bytes()[..], &text].concat();
    let server = Server::start(Script::new().reply("get_snapshot_code", result));
    let line = ConfLine::new(&server.address);
    let mut entered = Entered::Held;
    let used = measure(|| entered = line.enter());
    expect(entered, "busy", &["is already in another snapshot (xxx", "…)"]);
    assert!(used.bytes_max < MAX_MEMORY, "{} bytes", used.bytes_max);
}

#[test]
fn a_trickled_announcement_ends_with_the_limit() {
    let server = Server::start(Script::new().on(CONNECT, Action::Trickle(frame(b"Z3101"), 100)));
    let line = ConfLine::new(&server.address).with_limit(LIMIT);
    expect(line.enter(), "unavailable", &["no answer from", "0.4 s"]);
}
