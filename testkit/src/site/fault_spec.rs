//! Faults as users type them: `502`, `reset-after:leave`, `refused:leave:2`.

use super::faults::{Call, Fault};

/// A fault, the calls that it affects, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultSpec {
    pub(super) fault: Fault,
    pub(super) call: Option<Call>,
    pub(super) times: Option<usize>,
}

impl FaultSpec {
    /// Parses `FAULT[:CALL][:TIMES]`.
    ///
    /// # Errors
    ///
    /// The fault does not exist, and the text lists all faults; or a part is neither a call nor a
    /// number.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = text.split(':');
        let name = parts.next().unwrap_or_default();
        let fault = Fault::from_name(name).ok_or_else(|| {
            format!("unknown fault `{name}`; the faults are:\n{}", list_of_faults())
        })?;
        let mut spec = Self { fault, call: None, times: None };
        for part in parts {
            match (Call::from_name(part), part.parse()) {
                (Some(call), _) => spec.call = Some(call),
                (None, Ok(times)) => spec.times = Some(times),
                (None, Err(_)) => {
                    return Err(format!(
                        "`{part}` in `{text}` is neither enter, leave or status nor a number"
                    ));
                }
            }
        }
        Ok(spec)
    }
}

/// Lists all faults with their meanings, one on a line.
pub(crate) fn list_of_faults() -> String {
    let lines = Fault::ALL.map(|(_, name, meaning)| format!("{name:14} {meaning}"));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_can_be_limited_to_one_call_and_a_number_of_times() {
        let parse = |text| FaultSpec::parse(text).unwrap();
        let all = FaultSpec { fault: Fault::BadGateway, call: None, times: None };
        assert_eq!(parse("502"), all);
        assert_eq!(parse("502:leave"), FaultSpec { call: Some(Call::Leave), ..all });
        assert_eq!(
            parse("502:enter:2"),
            FaultSpec { call: Some(Call::Enter), times: Some(2), ..all }
        );
        assert!(FaultSpec::parse("earthquake").unwrap_err().contains("reset-before"));
        assert!(FaultSpec::parse("502:later").is_err());
    }
}
