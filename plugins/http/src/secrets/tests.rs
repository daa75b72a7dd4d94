//! Which words of a server are masked, and which are not.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const USER: &[u8] = b"admin";

fn mask(password: &str, words: &str) -> String {
    Secrets::new(USER, password.as_bytes()).mask(words).into_owned()
}

#[test]
fn a_long_secret_is_replaced_where_it_stands() {
    for (words, shown) in [
        ("bad password 'adminpass' for admin", "bad password '***' for admin"),
        ("user=admin:adminpass;", "user=***;"),
        ("Authorization: Basic YWRtaW46YWRtaW5wYXNz", "Authorization: Basic ***"),
        ("password in Base64: YWRtaW5wYXNz", "password in Base64: ***"),
        ("nothing secret", "nothing secret"),
    ] {
        assert_eq!(mask("adminpass", words), shown);
    }
}

#[test]
fn a_text_with_a_short_password_is_withheld() {
    assert_eq!(mask("in", "already in use"), WITHHELD);
    assert_eq!(mask("7", "line 7"), WITHHELD);
    assert_eq!(mask("+=", "a += b"), WITHHELD);
    assert_eq!(mask("in", "all else"), "all else");
}

#[test]
fn a_text_with_an_escaped_secret_is_withheld() {
    let password = "p@ss <w\u{f6}rd> & 'more'";
    for words in [
        "p%40ss%20%3Cw%C3%B6rd%3E+%26+%27more%27",
        "p%2540ss%2520%253Cw%25C3%25B6rd%253E%2520%2526%2520%2527more%2527",
        "p@ss &lt;w&#246;rd&gt; &amp; &apos;more&apos;",
        "p@ss &amp;lt;w&amp;#xf6;rd&amp;gt; &amp;amp; 'more'",
        "p@ss <w\\xc3\\xb6rd> & \\'more\\'",
        "p\\u0040ss <w\\u00f6rd> & 'more'",
        "p@ss\n  <w\u{f6}rd>\r\n& 'more'",
    ] {
        assert_eq!(mask(password, &format!("the words {words}.")), WITHHELD, "{words}");
    }
}

#[test]
fn a_password_in_latin_1_is_recognised() {
    let secrets = Secrets::new(USER, b"gr\xfc\xdfe-an-alle");
    for words in ["gr\u{fc}\u{df}e-an-alle", "gr\u{fffd}\u{fffd}e-an-alle"] {
        assert_eq!(secrets.mask(words), MASK);
    }
    assert_eq!(secrets.mask("gr%FC%DFe-an-alle"), WITHHELD);
}

#[test]
fn a_header_that_was_broken_into_lines_is_recognised() {
    let password = "x".repeat(90);
    let header = STANDARD_NO_PAD.encode(format!("admin:{password}"));
    let (first, second) = header.split_at(76);
    assert_eq!(mask(&password, &format!("Basic {first}\n{second}\n")), WITHHELD);
}

#[test]
fn a_text_that_is_too_long_to_search_is_withheld() {
    assert_eq!(mask("adminpass", &"x".repeat(MAX_MASKED_WORDS)).len(), MAX_MASKED_WORDS);
    assert_eq!(mask("adminpass", &"x".repeat(MAX_MASKED_WORDS + 1)), TOO_LONG);
}

#[test]
fn without_a_password_nothing_is_masked() {
    assert_eq!(mask("", "admin: YWRtaW46"), "admin: YWRtaW46");
}

/// Writes a text in a notation, as a server does: escapes the character that begins an escape, and
/// some others.
fn escaped(notation: Notation, text: &str, escape_too: &[bool]) -> String {
    let bytes = |begin: &str, letter: char| -> String {
        letter.to_string().bytes().map(|byte| format!("{begin}{byte:02x}")).collect()
    };
    let escape = |(letter, too): (char, &bool)| match (notation, letter) {
        (Notation::Url, letter) if *too || letter == '%' => bytes("%", letter),
        (Notation::Xml, letter) if *too || letter == '&' => format!("&#{};", u32::from(letter)),
        (Notation::Code, letter) if *too || letter == '\\' => bytes("\\x", letter),
        (_, letter) => letter.to_string(),
    };
    text.chars().zip(escape_too.iter().cycle()).map(escape).collect()
}

/// Passwords of all lengths, without the blanks around them that an access file cannot hold.
const PASSWORD: &str = "[^\\pC\\s:]{1,4}|[^\\pC\\s:]([^\\pC:]{0,12}[^\\pC\\s:])";

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn no_spelling_of_a_secret_is_shown(
        password in PASSWORD,
        spelling in 0..4_usize,
        pair: bool,
        (before, after) in ("\\PC{0,12}", "\\PC{0,12}"),
        layers in vec((0..3_usize, vec(any::<bool>(), 1..6)), 0..=MAX_ESCAPE_LAYERS),
    ) {
        let secret = if pair { format!("admin:{password}") } else { password.clone() };
        let secret = &spellings_of(secret.as_bytes())[spelling];
        let words = layers.iter().fold(format!("{before}{secret}{after}"), |words, (notation, escape)| {
            escaped(Notation::ALL[*notation], &words, escape)
        });
        let shown = mask(&password, &words);
        prop_assert!(shown == WITHHELD || shown.contains(MASK), "{} is shown", words);
        prop_assert!(shown == WITHHELD || !shown.contains(secret), "{} is shown as {}", words, shown);
    }

    #[test]
    fn words_without_a_secret_stay_as_they_are(words in "[a-z ./':%&;+=\\\\]{0,40}") {
        prop_assert_eq!(mask("ADMIN-PASS", &words), words);
    }

    #[test]
    fn any_words_and_any_password_are_masked_without_a_panic(
        password in vec(any::<u8>(), 0..9),
        words in "(\\PC|[%&#;x\\\\u0-9a-f\n]){0,60}",
    ) {
        Secrets::new(USER, &password).mask(&words);
    }
}
