//! What the program does: one file for each action of the command line.

mod list_methods;
mod opening;
mod other_storages;
mod recover;
mod run;
mod status;

use crate::resolve::{Action, Invocation};

/// Does what the command line asks for. Returns the exit status.
pub(crate) fn act(invocation: &Invocation) -> u8 {
    match &invocation.action {
        Action::Run => run::run(invocation),
        Action::Recover { options, json } => recover::recover(invocation, options, *json),
        Action::Status(look) => status::show(invocation, look),
        Action::List { json } => list_methods::list_methods(invocation, *json),
    }
}
