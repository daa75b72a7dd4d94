//! What holds for every conf file.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::quoting;

/// Conf files: of the bytes that mean something, and of any bytes.
fn file() -> impl Strategy<Value = Vec<u8>> {
    let any_file = vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(0)], 0..60);
    let plain_file = "\u{feff}?([ab \t\r\n\x0b\x0c#'\"\\\\$`]){0,40}";
    prop_oneof![any_file, plain_file.prop_map(String::into_bytes)]
}

/// Words that a message can show as they are.
fn words() -> impl Strategy<Value = Vec<OsString>> {
    let word = "(\\PC|[ '\"\\\\#$`!^*?~=])*".prop_filter("harmful in a terminal", |word| {
        !word.chars().any(dsnap_core::text::is_harmful)
    });
    vec(word.prop_map(OsString::from), 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lines_are_numbered_from_one_and_contain_words_or_a_flaw(file in file()) {
        let lines = lines(&file);
        let last = 1 + file.iter().filter(|&&byte| byte == b'\n').count();
        prop_assert!(lines.iter().all(|line| (1..=last).contains(&line.number)));
        prop_assert!(lines.is_sorted_by(|one, next| one.number < next.number));
        for line in lines {
            prop_assert!(!line.text.contains(&b'\n'));
            prop_assert!(line.words.map_or(true, |words| !words.is_empty()));
        }
    }

    #[test]
    fn a_line_never_changes_the_meaning_of_another(first in file(), second in file()) {

        prop_assume!(!second.starts_with(BYTE_ORDER_MARK));
        let together = lines(&[&*first, b"\n", &*second].concat());
        let shift = 1 + first.iter().filter(|&&byte| byte == b'\n').count();
        let second = lines(&second).into_iter().map(|line| Line { number: line.number + shift, ..line });
        let each: Vec<_> = lines(&first).into_iter().chain(second).collect();
        prop_assert_eq!(together, each);
    }

    #[test]
    fn the_text_of_a_line_means_the_same_as_the_line(file in file()) {
        for read in lines(&file) {
            let again = line(&read.text, read.number);
            prop_assert_eq!(again, Some(read));
        }
    }

    #[test]
    fn words_that_are_quoted_for_a_shell_read_back(words in words(), comment in "( # \\PC{0,9})?") {
        let quoted = quoting::command_line(words.iter().map(OsString::as_os_str));
        let read = line(format!("{quoted}{comment}").as_bytes(), 1).unwrap();
        prop_assert_eq!(read.words, Ok(words));
        prop_assert_eq!(OsStr::from_bytes(&read.text), OsStr::new(&quoted));
    }
}
