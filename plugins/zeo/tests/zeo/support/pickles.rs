//! What a real server sends, as pickles.

/// The result of `getExtensionMethods` for a DirectoryStorage.
pub(crate) const METHODS: &[u8] =
    b"}(U\x0eenter_snapshotNU\x0eleave_snapshotNU\x11get_snapshot_codeNU\x14is_directory_storageNu";

/// What a commit of another client brings.
pub(crate) const NOTICE: &[u8] =
    b"(K\x03K\x01U\x15invalidateTransaction(U\x0812345678]U\x0812345678att.";

/// Writes a text.
pub(crate) fn text(text: &str) -> Vec<u8> {
    [b"T", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

/// Writes an exception as ZODB 3.9 to ZEO 4.3 do. `class` is `module.Name`.
pub(crate) fn exception(class: &str, words: &str) -> Vec<u8> {
    let (module, name) = class.rsplit_once('.').unwrap();
    let class = format!("c{module}\n{name}\n");
    let recon = "cZODB.POSException\n_recon\n";
    let words = text(words);
    let begin = format!("({class}{recon}({class}}}U\x04args(");
    [begin.as_bytes(), &words, b"tstRt"].concat()
}

/// Writes what DirectoryStorage raises when its storage is in use.
pub(crate) fn in_use(code: &str) -> Vec<u8> {
    let words = format!("Can not enter snapshot mode: snapshot already in use by '{code}'");
    exception("DirectoryStorage.utils.DirectoryStorageError", &words)
}

/// Writes the reply to a call.
pub(crate) fn reply(number: &[u8], result: &[u8]) -> Vec<u8> {
    [b"(J", number, b"K\0U\x06.reply", result, b"t."].concat()
}

/// Puts the length before a body.
pub(crate) fn frame(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_be_bytes(), body].concat()
}
