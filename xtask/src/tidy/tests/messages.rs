//! The rule about the page of messages.

use super::{Checkout, cures, file};
use crate::tidy::messages::messages;

const SOURCE: &str = r#"
fn fails(path: &str) -> Reason {
    let what = format!("{path} is `open` in {}", 1);
    if path.is_empty() {
        return Failure::in_use("the storage is used").into();
    }
    Reason::new(what).hint("no message of its own")
}

#[cfg(test)]
mod tests {
    fn reason() -> Reason {
        Reason::new("words of a test only")
    }
}
"#;

fn found(page: &str) -> Vec<String> {
    let files = vec![file("docs/messages.md", page), file("plugins/http/src/a.rs", SOURCE)];
    cures(messages(&Checkout { files, members: Vec::new() }))
}

#[test]
fn each_message_of_the_page_is_in_the_program_and_each_reason_is_on_the_page() {
    let page = "| message | cause | what to do |
|---|---|---|
| `… is open in …` | one | `x` |
| `the storage is used` | two | |
";
    assert_eq!(found(page), [""; 0]);
    let page = page.replace("is used", "was used").replace("open in", "in open");
    assert_eq!(
        found(&page),
        [
            "docs/messages.md:3: no message of the program has the words is in open",
            "docs/messages.md:4: no message of the program has the words the storage was used",
            "plugins/http/src/a.rs:5: describe this message in docs/messages.md: the storage is used",
            "plugins/http/src/a.rs:3: describe this message in docs/messages.md: is open in",
        ]
    );
}

#[test]
fn the_page_of_causes_has_only_messages_of_the_program() {
    let all = "| message |\n|---|\n| `… is open in …`, `the storage is used` |\n";
    let causes = "| message |\n|---|\n| `is open in …` |\n| `is closed` |\n";
    let files = vec![
        file("docs/messages.md", all),
        file("docs/troubleshooting.md", causes),
        file("plugins/http/src/a.rs", SOURCE),
    ];
    let expected = "docs/troubleshooting.md:4: no message of the program has the words is closed";
    assert_eq!(cures(messages(&Checkout { files, members: Vec::new() })), [expected]);
}
