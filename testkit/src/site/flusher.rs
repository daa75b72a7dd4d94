//! The threads of a simulated server: one moves files, one commits.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::server::Shared;
use super::server_config::Step;
use crate::transactions::Transaction;

pub(super) fn start(shared: &Arc<Shared>) -> Vec<JoinHandle<()>> {
    let (flusher, committer) = (Arc::clone(shared), Arc::clone(shared));
    let mut threads = vec![thread::spawn(move || move_files(&flusher))];
    if shared.manner.commits_per_second > 0 {
        threads.push(thread::spawn(move || commit_on(&committer)));
    }
    threads
}

/// What the flusher does next.
enum Work {
    Flush(Transaction),
    Recombine,
    End,
}

fn next(shared: &Shared) -> Work {
    let state = shared.wait_while(|state| !state.ending && !state.recombining && state.wanted == 0);
    match state.journal.first() {
        _ if state.ending => Work::End,
        _ if state.recombining => Work::Recombine,
        Some(transaction) => Work::Flush(transaction.clone()),
        None => Work::End,
    }
}

fn move_files(shared: &Shared) {
    loop {
        let done = match next(shared) {
            Work::End => return,
            Work::Flush(transaction) => flush(shared, &transaction),
            Work::Recombine => recombine(shared),
        };
        // A server that cannot write its files ends; what it leaves is what a test looks at.
        if done.is_err() {
            return;
        }
    }
}

/// Moves one transaction; a crash may come between any two files.
fn flush(shared: &Shared, transaction: &Transaction) -> io::Result<()> {
    if !shared.sleep(shared.manner.flush_time) {
        return Ok(());
    }
    let frozen = shared.state().code.is_some();
    let storage = &shared.files.storage;
    let into = if frozen { storage.b() } else { storage.a() };
    while shared.files.move_one(transaction, &into)? {
        if shared.state().ending {
            return Ok(());
        }
    }
    let mut state = shared.state();
    state.journal.remove(0);
    state.wanted = state.wanted.saturating_sub(1);
    drop(state);
    shared.changed();
    Ok(())
}

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
    state.recombining = false;
    state.code = None;
    drop(state);
    shared.changed();
    Ok(())
}

fn commit_on(shared: &Shared) {
    let pause = Duration::from_secs(1) / shared.manner.commits_per_second;
    while shared.sleep(pause) {
        if shared.commit().is_err() {
            return;
        }
    }
}
