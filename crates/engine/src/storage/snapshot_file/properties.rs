//! What holds for every content of `misc/snapshot`.

use dsnap_core::text;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Returns the bytes that a content was read from.
fn bytes(content: &Content) -> Vec<u8> {
    match content {
        Content::Absent | Content::NotAFile | Content::Empty => Vec::new(),
        Content::Shutdown => b"shutdown".to_vec(),
        Content::Packing => b"packing".to_vec(),
        Content::User(code) => [b"user/", &**code].concat(),
        Content::Other(bytes) => bytes.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_byte_of_a_content_is_lost_and_it_is_shown_as_harmless_text(
        begin in "(user/|shutdown|packing|startup|recombining/)?",
        rest in vec(any::<u8>(), 0..20),
    ) {
        let written = [begin.as_bytes(), &rest].concat();
        let content = Content::of(&written);
        prop_assert_eq!(bytes(&content), written);
        prop_assert!(!content.to_string().chars().any(text::is_harmful), "{}", content);
    }

    #[test]
    fn a_content_of_any_length_is_shown_short(byte: u8, length in 0..5000_usize) {
        let content = Content::of(&[b"user/", &*vec![byte; length]].concat());
        prop_assert!(content.to_string().chars().count() < text::MAX_SHOWN_CHARS + 20);
    }

    #[test]
    fn only_the_very_code_holds_the_file(
        code in "[a-zA-Z0-9][a-zA-Z0-9._-]{0,20}",
        content in vec(any::<u8>(), 0..30),
    ) {
        let ours = Code::from_bytes(code.as_bytes()).unwrap();
        let file = |content: &[u8]| SnapshotFile { content: Content::of(content), modified: None, inode: 1 };
        let held = [b"user/", code.as_bytes()].concat();
        prop_assert!(file(&held).is_held_by(&ours));
        prop_assert_eq!(file(&content).is_held_by(&ours), content == held);
    }
}
