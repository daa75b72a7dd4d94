//! The completions for shells.

use clap::Command;
use clap_complete::Shell;

/// How the file for a program is named.
type FileName = fn(&str) -> String;

/// The shells, and the names by which they find the file for a program.
const SHELLS: [(Shell, FileName); 3] = [
    (Shell::Bash, |program| format!("bash/{program}")),
    (Shell::Zsh, |program| format!("zsh/_{program}")),
    (Shell::Fish, |program| format!("fish/{program}.fish")),
];

/// Lists the completions of both programs: the file of each, and its text.
pub(super) fn all() -> Vec<(String, Vec<u8>)> {
    let programs: [fn() -> Command; 2] = [dsnap::command, dsnap_testkit::program::command];
    let pairs = programs.into_iter().flat_map(|program| SHELLS.map(|shell| (program(), shell)));
    pairs.map(|(program, (shell, file_name))| completion(program, shell, file_name)).collect()
}

fn completion(mut program: Command, shell: Shell, file_name: FileName) -> (String, Vec<u8>) {
    let (name, mut text) = (program.get_name().to_owned(), Vec::new());
    clap_complete::generate(shell, &mut program, &name, &mut text);
    (file_name(&name), with_one_label(&name, &String::from_utf8_lossy(&text)).into_bytes())
}

/// Mends what clap_complete 4.6 writes for bash: if the name of the program has a hyphen, a command has one
/// label where it is found and another one where it is completed.
fn with_one_label(name: &str, text: &str) -> String {
    text.replace(&name.replace('-', "__subcmd__"), &name.replace('-', "__"))
}
