//! Tests of the rule about the Rust that dependencies need.

use super::super::rust_versions::findings;

fn cures(dependency: &str) -> Vec<String> {
    let metadata = format!(
        r#"{{"packages": [
            {{"name": "ours", "version": "0.1.0", "source": null, "rust_version": "1.88"}},
            {{"name": "old", "version": "1.2.3", "source": "registry", "rust_version": null}},
            {{"name": "theirs", "version": "1.2.3", "source": "registry", "rust_version": "{dependency}"}}
        ]}}"#
    );
    findings(&metadata).unwrap().into_iter().map(|finding| finding.cure).collect()
}

#[test]
fn a_dependency_must_work_with_the_promised_rust() {
    for old_enough in ["1.88", "1.88.0", "1.9", "1"] {
        assert_eq!(cures(old_enough), [""; 0], "{old_enough}");
    }
    for newer in ["1.89", "1.88.1", "2"] {
        assert!(cures(newer)[0].starts_with("theirs 1.2.3 needs Rust"), "{newer}");
    }
}
