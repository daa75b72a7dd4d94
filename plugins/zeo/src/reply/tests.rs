//! Messages as real servers sent them, and what is left of them when they are changed.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

const ERROR: &str = "cDirectoryStorage.utils\nDirectoryStorageError\n";
const IN_USE: &str = "Can not enter snapshot mode: snapshot already in use by 'user/host-123'";

/// The exception as each generation of servers writes it.
fn exceptions() -> [(&'static str, Vec<u8>); 7] {
    let (g, text) = (ERROR, format!("U{}{IN_USE}", char::from(IN_USE.len() as u8)));
    let unicode = format!("X{}\0\0\0{IN_USE}", char::from(IN_USE.len() as u8));
    let recon = "cZODB.POSException\n_recon\n";
    [
        ("3.9 to 4.3", format!("({g}{recon}({g}}}U\x04args({text}tstRt").into_bytes()),
        ("3.8", format!("({g}{recon}({g}}}(U\x07message{text}U\x04args({text}tutRt").into_bytes()),
        ("3.8, not of ZODB", format!("({g}{g}({text}tRt").into_bytes()),
        ("3.3 to 3.7", format!("({g}({g}{g}({text}tRtt").into_bytes()),
        ("Python 2.4", format!("({g}({g}o}}U\x04args({text}tsbt").into_bytes()),
        ("Python 2.4, other form", format!("({g}(i{}}}U\x04args({text}tsbt", &g[1..]).into_bytes()),
        (
            "4 on Python 3",
            [
                format!("{g}{recon}{g}}}X\x04\0\0\0args{unicode}").into_bytes(),
                b"\x85s\x86R\x86".to_vec(),
            ]
            .concat(),
        ),
    ]
}

fn reply(number: u8, result: &[u8]) -> Vec<u8> {
    [b"(K", &[number][..], b"K\0U\x06.reply", result, b"t."].concat()
}

fn read_reply(pickle: &[u8]) -> Value<'_> {
    match read(pickle, true) {
        Ok(Message::Reply(3, result)) => result,
        other => panic!("{other:?}: {}", pickle.escape_ascii()),
    }
}

#[test]
fn the_results_of_real_servers_are_read() {
    for (pickle, result) in [
        (&b"(K\x03K\0U\x06.replyNt."[..], Value::None),
        (b"(K\x03K\0U\x06.replyU\ruser/host-123t.", Value::Text(b"user/host-123")),
        (b"(K\x03K\0U\x06.replyI01\nt.", Value::Number(1)),
        (b"(J\x03\0\0\0I00\nU\x06.replyNt.", Value::None),
        (b"\x80\x03(K\x03K\0X\x06\0\0\0.reply\x88t.", Value::Number(1)),
    ] {
        assert_eq!(read_reply(pickle), result, "{}", pickle.escape_ascii());
        assert_eq!(exception(&result), None);
    }
}

#[test]
fn the_exceptions_of_all_servers_have_the_same_class_and_text() {
    for (server, result) in exceptions() {
        let pickle = reply(3, &result);
        let found = exception(&read_reply(&pickle)).unwrap_or_else(|| panic!("{server}"));
        assert_eq!((&*found.class, &*found.message), ("DirectoryStorageError", IN_USE), "{server}");
    }
}

#[test]
fn an_exception_without_a_text_is_still_an_exception() {
    for odd in ["()", "N", "K\x01", "}", "}U\x04argsNs", "(cx\nY\n)R"] {
        let pickle = reply(3, &[b"(cZEO.Exceptions\nAuthError\n", odd.as_bytes(), b"t"].concat());
        let Ok(Message::Reply(_, result)) = read(&pickle, true) else { continue };
        let found = exception(&result).unwrap();
        assert_eq!((&*found.class, &*found.message), ("AuthError", ""), "{odd}");
    }
}

#[test]
fn the_text_of_an_exception_is_cut() {
    let long = [b"T\0\0\x01\0".to_vec(), vec![0xff; 1 << 16]].concat();
    let pickle = reply(3, &[b"(cx\nE\ncx\nE\n(", &long[..], b"tRt"].concat());
    let message = exception(&read_reply(&pickle)).unwrap().message;
    assert_eq!(message.chars().count(), MAX_ZEO_TEXT);
}

#[test]
fn what_a_server_announces_is_no_reply_whatever_its_number() {
    for notice in [
        &b"(K\0K\x01U\x15invalidateTransaction(U\x0812345678]U\x0812345678att."[..],
        b"(K\x03K\x01U\x15invalidateTransaction(U\x0812345678](U\x0812345678U\0tatt.",
        b"(K\x03K\x01U\x04info(}(U\x06lengthK\0U\x04sizeU\x0cnot measuredutt.",
        b"\x80\x03(K\0\x88X\x15\0\0\0invalidateTransaction",
        b"(K\x03K\x01U\tserialnosh\0\xff",
    ] {
        for complete in [true, false] {
            let message = read(notice, complete);
            assert_eq!(message, Ok(Message::Notice), "{}", notice.escape_ascii());
        }
    }
}

#[test]
fn a_reply_that_was_not_kept_as_a_whole_is_refused() {
    assert_eq!(read(&reply(3, b"N"), false), Err(Unreadable));
}

#[test]
fn what_is_no_message_is_refused() {
    for wrong in [
        &b""[..],
        b"N.",
        b"(K\x03K\0N",
        b"(K\x03K\0U\x06.reply.",
        b"(K\x03K\0U\x06.replyt.",
        b"(K\x03K\0U\x06.replyNNt.",
        b"(NK\0U\x06.replyNt.",
        b"\x94\x00\xc3\xb5invalidateTransaction",
    ] {
        assert_eq!(read(wrong, true), Err(Unreadable), "{}", wrong.escape_ascii());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_message_is_a_message_or_refused_and_its_exception_is_short(
        which in any::<Index>(),
        changes in vec((any::<Index>(), vec(any::<u8>(), 0..3)), 0..4),
    ) {
        let exceptions = exceptions();
        let mut pickle = reply(3, &which.get(&exceptions).1);
        for (at, bytes) in &changes {
            let at = at.index(pickle.len());
            let end = (at + bytes.len()).min(pickle.len());
            pickle.splice(at..end, bytes.iter().copied());
        }
        if let Ok(Message::Reply(_, result)) = read(&pickle, true)
            && let Some(found) = exception(&result)
        {
            prop_assert!(found.message.chars().count() <= MAX_ZEO_TEXT);
        }
    }
}
