//! Independent cases of one rule, played at the same time: they wait for files more than they compute.

/// Plays every case on a thread of its own. A case that panics fails the test.
pub(crate) fn in_parallel<T: Send>(
    cases: impl IntoIterator<Item = T>,
    play: impl Fn(T) + Send + Sync,
) {
    std::thread::scope(|threads| {
        let play = &play;
        for case in cases {
            threads.spawn(move || play(case));
        }
    });
}
