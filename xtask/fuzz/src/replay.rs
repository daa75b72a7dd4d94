//! What every `cargo test` does with the targets: all inputs of the corpus, and random ones.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::corpus;
use crate::mutation::Mutator;
use crate::target::Target;
use crate::targets::TARGETS;

/// How many random inputs each target gets, if the time is enough.
const RANDOM_INPUTS: usize = 1500;
/// The time for random inputs of one target, so that a slow machine does not delay the gate.
const TIME: Duration = Duration::from_millis(500);

/// Checks one input; says which it was if that fails.
fn check(target: &Target, input: &[u8]) {
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| (target.check)(input)));
    if let Err(panic) = outcome {
        eprintln!("{}: this input fails: {}", target.name, input.escape_ascii());
        panic::resume_unwind(panic);
    }
}

#[test]
fn every_input_of_a_corpus_has_the_property_of_its_target() {
    for target in TARGETS {
        let inputs = corpus::read(target.name).unwrap();
        assert!(!inputs.is_empty(), "{}: the corpus is empty", target.name);
        inputs.iter().for_each(|input| check(target, input));
    }
}

#[test]
fn random_inputs_have_the_property_of_their_target() {
    for target in TARGETS {
        let inputs = corpus::read(target.name).unwrap();
        let (mut mutator, start) = (Mutator::new(1), Instant::now());
        for number in 0..RANDOM_INPUTS {
            check(target, &mutator.next(&inputs, target.longest));
            // On any machine, some are checked.
            if number >= RANDOM_INPUTS / 10 && start.elapsed() > TIME {
                break;
            }
        }
    }
}

#[test]
fn each_target_has_a_corpus_and_each_corpus_a_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let expected: BTreeSet<_> = TARGETS.iter().map(|target| corpus::file(target.name)).collect();
    assert_eq!(files.collect::<BTreeSet<_>>(), expected);
}
