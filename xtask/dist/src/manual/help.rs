//! The text that `--help` prints below the options, as paragraphs and lists.

use anyhow::{Context, Result};
use roff::{Roff, bold, roman};

/// A part of the text: until an empty line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block(Vec<Piece>);

/// A piece of a block.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    /// Lines that are not indented.
    Text(String),
    /// A term, and its meaning.
    Term(String, String),
    /// An indented line that is no term: a command.
    Command(String),
}

/// Splits a text into its blocks.
pub(super) fn blocks(text: &str) -> Result<Vec<Block>> {
    text.split("\n\n").map(block).collect()
}

fn block(text: &str) -> Result<Block> {
    let mut pieces: Vec<Piece> = Vec::new();
    for line in text.lines() {
        add_line(&mut pieces, line).with_context(|| format!("the line {line:?} of --help"))?;
    }
    Ok(Block(pieces))
}

fn add_line(pieces: &mut Vec<Piece>, line: &str) -> Result<()> {
    let words = line.trim_start();
    match (line.len() - words.len(), pieces.last_mut()) {
        (0, Some(Piece::Text(text))) => continue_with(text, words),
        (0, _) => pieces.push(Piece::Text(words.to_owned())),
        (2, _) => pieces.push(match words.split_once("  ") {
            Some((term, meaning)) => Piece::Term(term.to_owned(), meaning.trim_start().to_owned()),
            None => Piece::Command(words.to_owned()),
        }),
        (_, Some(Piece::Term(_, meaning))) => continue_with(meaning, words),
        _ => anyhow::bail!("is neither a term nor the rest of one"),
    }
    Ok(())
}

fn continue_with(text: &mut String, words: &str) {
    text.push(' ');
    text.push_str(words);
}

impl Block {
    /// Returns the beginning, by which the block is known.
    pub(super) fn begins_with(&self, words: &str) -> bool {
        matches!(self.0.first(), Some(Piece::Text(text)) if text.starts_with(words))
    }

    /// Lists the terms.
    #[cfg(test)]
    pub(super) fn terms(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Term(term, _) => Some(term.as_str()),
            _ => None,
        })
    }

    pub(super) fn show(&self) -> Roff {
        let mut roff = Roff::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => roff.control("PP", []).text([roman(text)]),
                Piece::Term(term, meaning) => {
                    roff.control("TP", []).text([bold(term)]).text([roman(meaning)])
                }
                Piece::Command(line) => {
                    let roff = roff.control("PP", []).control("RS", ["4"]).control("EX", []);
                    roff.text([roman(line)]).control("EE", []).control("RE", [])
                }
            };
        }
        roff
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_has_text_terms_that_go_on_and_commands() {
        let text = "One:\n  a  first\n     more\nTwo\nthree:\n  do it now\n\nNext";
        let blocks = blocks(text).unwrap();
        let expected = [
            Piece::Text("One:".into()),
            Piece::Term("a".into(), "first more".into()),
            Piece::Text("Two three:".into()),
            Piece::Command("do it now".into()),
        ];
        assert_eq!(blocks[0].0, expected);
        assert_eq!(blocks[1].0, [Piece::Text("Next".into())]);
    }

    #[test]
    fn an_indented_line_that_belongs_to_nothing_is_an_error() {
        assert!(blocks("One:\n    deep").is_err());
    }
}
