//! What a server answers to `ruok`: JSON, by the name of the storage.
//!
//! The names are those of real servers. No client can write here, so most numbers are zero. A real server
//! also tells when it was started and how often it has loaded an object, which this one does not count.

use serde_json::json;

use super::STORAGE;
use super::service::Service;

/// Returns the statistics of the storage now.
pub(super) fn of(service: &Service) -> Vec<u8> {
    let last = service.objects.last(service.catch_up()).unwrap_or_default();
    let last: String = last.iter().map(|byte| format!("{byte:02x}")).collect();
    let statistics = json!({
        "aborts": 0,
        "active_txns": 0,
        "commits": 0,
        "conflicts": 0,
        "conflicts_resolved": 0,
        "connections": service.clients.registered(),
        "last-transaction": last,
        "lock_time": null,
        "stores": 0,
        "timeout-thread-is-alive": "stub",
        "verifying_clients": 0,
        "waiting": 0,
    });
    json!({ STORAGE: statistics }).to_string().into_bytes()
}
