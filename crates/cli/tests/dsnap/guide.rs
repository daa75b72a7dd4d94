//! `docs/writing-a-method.md`, run as its readers run it: each part in an empty folder.

use crate::support::guide::{Reader, blocks, matches, text};

#[test]
fn part_1_a_script() {
    Reader::new().reads("Part 1");
}

#[test]
fn part_2_a_library_in_c() {
    Reader::new().reads("Part 2");
}

#[test]
fn part_3_a_library_in_rust() {
    Reader::with_shared_target().reads("Part 3");
}

#[test]
fn only_one_block_is_not_run_and_the_example_in_c_stays_short() {
    let all: Vec<_> = ["Part 1", "Part 2", "Part 3"].into_iter().flat_map(blocks).collect();
    let passed_over = all.iter().filter(|block| block.fence.contains("not run"));
    assert_eq!(passed_over.count(), 1);
    let c = all.iter().find(|block| block.fence == "c").unwrap();
    assert!(c.text.len() <= 70 && c.text.iter().all(|line| line.len() <= 100), "{}", c.text.len());
    // Every block of the page belongs to one of the parts.
    assert_eq!(text().matches("\n```").count(), 2 * all.len());
}

#[test]
fn three_dots_in_an_example_stand_for_any_output() {
    assert!(matches("a b c", "a b c") && matches("a b c", "a ... c") && matches("a b", "...b"));
    assert!(matches("a\nb\nc", "a\n...c") && matches("x 17 y", "x ... y"));
    assert!(!matches("a b c", "a b") && !matches("b c", "a...c") && !matches("a b d", "a...c"));
}
