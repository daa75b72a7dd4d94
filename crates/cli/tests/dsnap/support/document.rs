//! A JSON document that the program writes, checked against its published schema.

use std::path::Path;

use serde_json::Value;

/// Reads a document, and asserts that it is valid by `docs/schema/NAME.schema.json`.
#[track_caller]
pub(crate) fn document(text: &str, name: &str) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema");
    let schema = std::fs::read_to_string(root.join(format!("{name}.schema.json"))).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let document = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let wrong =
        |error: jsonschema::ValidationError<'_>| format!("{}: {error}", error.instance_path());
    let errors: Vec<_> = validator.iter_errors(&document).map(wrong).collect();
    assert!(errors.is_empty(), "{errors:#?} in {text}");
    document
}
