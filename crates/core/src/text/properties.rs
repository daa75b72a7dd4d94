//! What holds for every text of others.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Text with characters that a terminal obeys or that are written from right to left, and any bytes.
fn foreign() -> impl Strategy<Value = Vec<u8>> {
    let text = "([\\x00-\\x1f\u{7f}-\u{9f}\u{61c}\u{200b}-\u{200f}\u{2028}-\u{202e}\u{2060}-\u{2069}\u{feff}\u{5d0}-\u{5ea}]|\\PC|\\x1b\\[[0-9;]{0,3}[a-zA-Z]){0,60}";
    prop_oneof![text.prop_map(String::into_bytes), vec(any::<u8>(), 0..120)]
}

/// Says of a character, independently of [`is_harmful`], whether a terminal may obey it.
fn is_obeyed(letter: char) -> bool {
    let number = u32::from(letter);
    number < 0x20
        || (0x7f..0xa0).contains(&number)
        || [0x61c, 0x200e, 0x200f, 0x2028, 0x2029, 0xfeff].contains(&number)
        || (0x202a..0x202f).contains(&number)
        || (0x2066..0x206a).contains(&number)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_a_terminal_obeys_is_shown(bytes in foreign()) {
        let shown = Harmless(&bytes).to_string();
        prop_assert!(!shown.chars().any(is_obeyed), "{:?}", shown);
        prop_assert_eq!(shown.lines().count().max(1), 1);
    }

    #[test]
    fn every_character_is_kept_or_replaced_by_one(bytes in foreign()) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let shown = Harmless(&bytes).to_string();
        prop_assert_eq!(shown.chars().count(), text.chars().count());
        for (given, shown) in text.chars().zip(shown.chars()) {
            prop_assert_eq!(shown, if is_obeyed(given) { '\u{fffd}' } else { given });
        }
    }

    #[test]
    fn text_of_any_length_is_cut(letter: char, length in 0..3000_usize) {
        let shown = harmless(letter.to_string().repeat(length));
        prop_assert_eq!(shown.chars().count(), length.min(MAX_SHOWN_CHARS + 1));
        prop_assert_eq!(shown.ends_with('…'), length > MAX_SHOWN_CHARS || letter == '…' && length > 0);
    }

    #[test]
    fn harmless_text_stays_as_it_is(bytes in foreign()) {
        let once = Harmless(&bytes).to_string();
        prop_assert_eq!(harmless(&once), once);
    }
}
