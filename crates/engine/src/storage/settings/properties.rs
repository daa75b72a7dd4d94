//! What holds for every settings file.

use dsnap_core::text;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// Lines as they may stand in a settings file, and lines that may not.
const LINE: &str = "(\\[(structure|filesystem|posix|DEFAULT|\\PC{0,3})\\])|((format|version|sync|dirsync|[a-zA-Z]{1,3}) ?[:=] ?(bushy|flat|0\\.11|[0-9-]{1,3}|\\PC{0,9})( ;\\PC{0,3})?)|([ \t]\\PC{0,9})|([#;]|[Rr][Ee][Mm])\\PC{0,9}|\\PC{0,9}";

/// Lines that mean nothing, wherever they stand before a section.
fn comments() -> impl Strategy<Value = String> {
    vec("([#;][^\\pC]{0,9}|rem [^\\pC]{0,9}|[ \t]{0,3})\n", 0..3).prop_map(|lines| lines.concat())
}

/// Writes one setting, as some version of the original or an administrator may.
fn setting(key: &str, value: &str, style: &str) -> String {
    match style {
        "bare" => format!("{key}:{value}\n"),
        "equals" => format!("{key} = {value}\n"),
        "comment" => format!("{key}: {value} ; for the server\n"),
        _ => format!("{key}:  {value}  \r\n"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn settings_that_are_written_again_read_back(
        format in select(&Format::ALL[..]),
        (sync, dirsync) in (option::of(any::<bool>()), option::of(any::<bool>())),
        style in select(&["bare", "equals", "comment", "blanks"][..]),
        comments in vec(comments(), 4),
    ) {
        let settings = Settings {
            format,
            sync: sync.unwrap_or(true),
            dirsync: dirsync.unwrap_or(true),
        };
        let switch = |key: &str, value: Option<bool>| {
            value.map(|value| setting(key, if value { "1" } else { "0" }, style)).unwrap_or_default()
        };
        let sections = [
            format!("[structure]\n{}", setting("format", format.name(), style)),
            setting("version", "0.11", style),
            format!("[filesystem]\n{}", switch("sync", sync)),
            format!("[posix]\n{}", switch("dirsync", dirsync)),
        ];
        let text: String = comments.iter().zip(&sections).flat_map(|(it, section)| [it.as_str(), section]).collect();
        prop_assert_eq!(Settings::parse(text.as_bytes()), Ok(settings), "{}", text);
    }

    #[test]
    fn every_file_has_settings_or_one_short_harmless_error(lines in vec(LINE, 0..12)) {
        let text = lines.join("\n");
        if let Err(error) = Settings::parse(text.as_bytes()) {
            let shown = error.to_string();
            prop_assert!(!shown.chars().any(text::is_harmful), "{:?}", shown);
            if let SettingsError::Line(number) = error {
                prop_assert!((1..=text.lines().count()).contains(&number), "{}", number);
            }
        }
    }

    #[test]
    fn a_value_of_any_length_makes_a_short_error(value in "[^\\pC;\\s]{1,9}", times in 1..2000_usize) {
        prop_assume!(Format::from_name(&value.repeat(times)).is_none());
        let text = format!("[structure]\nversion: 0.11\nformat: {}\n", value.repeat(times));
        let shown = Settings::parse(text.as_bytes()).unwrap_err().to_string();
        prop_assert!(shown.chars().count() < text::MAX_SHOWN_CHARS + 100, "{}", shown.len());
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in vec(any::<u8>(), 0..200)) {
        let text = [b"[structure]\nversion: 0.11\n", &*bytes].concat();
        prop_assert_eq!(Settings::parse(&text), Settings::parse(&text));
    }
}
