//! What holds for everything that a process may answer, because the library in it may write there.

use std::cell::Cell;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::lines::{LimitedCaller, LineSplitter};

/// Counts the bytes of words and traces.
#[derive(Default)]
struct Listener(Cell<usize>);

impl Caller for Listener {
    fn say(&self, message: Message<'_>) {
        if let Message::Words(words) | Message::Trace(words) = message {
            self.0.set(self.0.get() + words.len());
        }
    }

    fn should_stop(&self) -> bool {
        false
    }
}

fn bytes() -> impl Strategy<Value = Bytes> {
    vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(0x1b)], 0..12).prop_map(Bytes)
}

fn answer() -> impl Strategy<Value = Answer> {
    let description = ("\\PC{0,9}", "\\PC{0,9}", any::<u32>(), any::<u32>());
    prop_oneof![
        description.prop_map(|(name, version, works_with, flags)| {
            Answer::Method(MethodDescription { name, version, works_with, flags })
        }),
        (0..9_u32, bytes()).prop_map(|(kind, text)| Answer::Said(kind, text)),
        (any::<u64>(), any::<u64>(), bytes())
            .prop_map(|(done, of, unit)| { Answer::Progress(done, of, unit) }),
        any::<String>().prop_map(Answer::NotCalled),
        any::<i64>().prop_map(Answer::Result),
    ]
}

/// Answers as the child writes them, with a few bytes changed, and bytes that are no answer.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let change = option::of((any::<Index>(), any::<u8>()));
    let changed = (answer(), change).prop_map(|(answer, change)| {
        let mut line = wire::line(&answer);
        if let Some((at, byte)) = change {
            let at = at.index(line.len());
            line[at] = byte;
        }
        line
    });
    let deep = (1..2000_usize).prop_map(|depth| [&*b"[".repeat(depth), b"\n"].concat());
    prop_oneof![6 => changed, 2 => vec(any::<u8>(), 0..40), 1 => deep]
}

/// Reads a stream of answers that comes in pieces of these lengths.
fn read(stream: &[u8], lengths: &[usize], caller: &dyn Caller) -> Reply {
    let (mut reply, mut lines, mut rest) = (Reply::default(), LineSplitter::default(), stream);
    let mut lengths = lengths.iter().cycle();
    while !rest.is_empty() {
        let (piece, later) = rest.split_at(rest.len().min(*lengths.next().unwrap_or(&1)));
        lines.push(piece, &mut |line| reply.add(line, caller));
        rest = later;
    }
    lines.finish(&mut |line| reply.add(line, caller));
    reply
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_answer_is_one_line_and_reads_back(answer in answer()) {
        let line = wire::line(&answer);
        let newlines = line.iter().filter(|&&byte| byte == b'\n').count();
        prop_assert!(newlines == 1 && line.ends_with(b"\n"), "{:?}", line);
        let read: Answer = serde_json::from_slice(&line).unwrap();
        prop_assert_eq!(wire::line(&read), line);
    }

    #[test]
    fn a_call_is_one_line_and_reads_back(words in vec(vec(any::<u8>(), 0..9), 0..4), method: String) {
        use std::os::unix::ffi::OsStringExt;
        let words: Vec<_> = words.into_iter().map(OsString::from_vec).collect();
        let line = wire::line(&Call::without_storage(Verb::Enter, &method, &words));
        prop_assert_eq!(line.iter().filter(|&&byte| byte == b'\n').count(), 1);
        let read: Call = serde_json::from_slice(&line).unwrap();
        let expected: Vec<_> = words.iter().map(Bytes::of).collect();
        prop_assert_eq!((read.method, read.words), (method, expected));
    }

    #[test]
    fn whatever_is_answered_becomes_one_short_harmless_reason(
        stream in vec(line(), 0..40),
        hints in vec(bytes(), 0..9),
    ) {
        let hints = hints.into_iter().map(|hint| wire::line(&Answer::Said(DSNAP_SAY_HINT, hint)));
        let stream: Vec<_> = stream.into_iter().chain(hints).flatten().collect();
        let listener = Listener::default();
        let mut reply = read(&stream, &[4096], &LimitedCaller::new(&listener));
        prop_assert!(listener.0.get() <= limits::MAX_CALL_OUTPUT);
        let label = reply.label.clone().unwrap_or_default();
        let reason = reply.take_unexpected();
        prop_assert!(reason.hints().is_empty());
        prop_assert!(reason.foreign_hints().len() <= limits::MAX_HINTS);
        for text in reason.foreign_hints().iter().map(String::as_str).chain([reason.text(), &label]) {
            prop_assert!(!text.chars().any(text::is_harmful), "{:?}", text);
            prop_assert!(text.chars().count() < text::MAX_SHOWN_CHARS + 100);
        }
    }

    #[test]
    fn it_does_not_matter_in_which_pieces_answers_arrive(
        stream in vec(line(), 0..20),
        lengths in vec(1..50_usize, 1..6),
    ) {
        let (stream, listener) = (stream.concat(), Listener::default());
        let pieces = read(&stream, &lengths, &listener);
        let whole = read(&stream, &[stream.len().max(1)], &listener);
        prop_assert_eq!(format!("{pieces:?}"), format!("{whole:?}"));
    }
}
