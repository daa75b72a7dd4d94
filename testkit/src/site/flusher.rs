//! The threads of a simulated server: one moves files, one commits.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::server_config::Step;
use super::shared::Shared;
use crate::transactions::Transaction;

/// Starts the threads.
pub(super) fn start(shared: &Arc<Shared>) -> Vec<JoinHandle<()>> {
    let (flusher, committer) = (Arc::clone(shared), Arc::clone(shared));
    let mut threads = vec![thread::spawn(move || move_files(&flusher))];
    if shared.config.commits_per_second > 0 {
        threads.push(thread::spawn(move || keep_committing(&committer)));
    }
    threads
}

/// The flusher's next task.
enum Task {
    Flush(Transaction),
    Recombine,
    End,
}

fn next_task(shared: &Shared) -> Task {
    let state = shared.wait_while(|state| {
        !state.ending && !state.snapshot.recombining && state.commits.to_flush == 0
    });
    match state.commits.journal.first() {
        _ if state.ending => Task::End,
        _ if state.snapshot.recombining => Task::Recombine,
        Some(transaction) => Task::Flush(transaction.clone()),
        None => Task::End,
    }
}

fn move_files(shared: &Shared) {
    loop {
        let done = match next_task(shared) {
            Task::End => return,
            Task::Flush(transaction) => flush(shared, &transaction),
            Task::Recombine => recombine(shared),
        };
        // A server that cannot write its files ends. A test looks at what it leaves behind.
        if done.is_err() {
            return;
        }
    }
}

/// Moves one transaction. A crash may come between any two files.
fn flush(shared: &Shared, transaction: &Transaction) -> io::Result<()> {
    if !shared.sleep(shared.config.flush_time) {
        return Ok(());
    }
    let in_snapshot = shared.state().snapshot.code.is_some();
    let storage = &shared.files.storage;
    let into = if in_snapshot { storage.b() } else { storage.a() };
    while shared.files.move_one(transaction, &into)? {
        if shared.state().ending {
            return Ok(());
        }
    }
    let mut state = shared.state();
    state.commits.journal.remove(0);
    state.commits.to_flush = state.commits.to_flush.saturating_sub(1);
    drop(state);
    shared.notify();
    Ok(())
}

/// Moves the files of `B/` into `A/` after a snapshot.
fn recombine(shared: &Shared) -> io::Result<()> {
    if !shared.pass(Step::Recombine) {
        return Ok(());
    }
    while shared.files.recombine_one()? {
        if shared.state().ending {
            return Ok(());
        }
    }
    let mut state = shared.state();
    state.snapshot.recombining = false;
    state.snapshot.code = None;
    drop(state);
    shared.notify();
    Ok(())
}

fn keep_committing(shared: &Shared) {
    let pause = Duration::from_secs(1) / shared.config.commits_per_second;
    while shared.sleep(pause) {
        if shared.commit().is_err() {
            return;
        }
    }
}
