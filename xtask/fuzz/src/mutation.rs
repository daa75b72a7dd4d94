//! Random inputs: the inputs of a corpus, changed. They are the same in every run.

/// Bytes that mean something to one of the readers.
const MEANINGFUL: &[u8] = b"\0\n\r\t \"#'\\/:=,.-|<>(){}[]&;%$\x1b\x7f\x80\xc2\xe2\xff0179AazZ";

/// Makes inputs out of other inputs.
#[derive(Debug)]
pub(crate) struct Mutator(fastrand::Rng);

impl Mutator {
    /// Makes one that always gives the same inputs.
    pub(crate) fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// Makes an input out of one of `inputs`, or out of nothing.
    pub(crate) fn next(&mut self, inputs: &[Vec<u8>], longest: usize) -> Vec<u8> {
        let mut input = self.0.choice(inputs).cloned().unwrap_or_default();
        for _ in 0..self.0.usize(0..5) {
            self.change(&mut input, inputs);
        }
        input.truncate(longest);
        input
    }

    /// Replaces, inserts, removes, repeats, or takes a part of another input.
    fn change(&mut self, input: &mut Vec<u8>, inputs: &[Vec<u8>]) {
        let begin = self.0.usize(0..=input.len());
        let end = (begin + self.0.usize(0..9)).min(input.len());
        let other = self.0.choice(inputs).cloned().unwrap_or_default();
        let new: Vec<u8> = match self.0.u8(0..6) {
            0 => vec![self.byte()],
            1 => (0..end - begin).map(|_| self.byte()).collect(),
            2 => Vec::new(),
            3 => input[begin..end].repeat(self.0.usize(2..20)),
            4 => other[self.0.usize(0..=other.len())..].to_vec(),
            _ => (0..self.0.usize(0..9)).map(|_| self.byte()).collect(),
        };
        input.splice(begin..end, new);
    }

    fn byte(&mut self) -> u8 {
        if self.0.bool() { self.0.u8(..) } else { self.0.choice(MEANINGFUL).copied().unwrap_or(0) }
    }
}
