//! Runs a simulated ZEO server for clients in other languages, until standard input ends.
//!
//! Arguments: the version that the server announces, then perhaps `unix` and `digest`. Prints the
//! address and the storage, one on a line. The control port is open, as with `dsnap-testkit site`.

use std::error::Error;
use std::io::{self, Read, Write};
use std::sync::Arc;

use dsnap_testkit::Site;
use dsnap_testkit::control::Control;
use dsnap_testkit::site::{ZeoAccount, ZeoConfig, ZeoVersion};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| words.iter().any(|it| it == word);
    let version = ZeoVersion::ALL.into_iter().find(|version| has(version.name()));
    let config = ZeoConfig {
        version: version.ok_or("no argument is a version, such as Z3101")?,
        unix: has("unix"),
        authentication: has("digest").then(ZeoAccount::default),
    };
    let site = Arc::new(Site::builder().zopes(0).zeo(config).start()?);
    let _control = Control::listen(&site)?;
    let address = site.zeo_address().unwrap_or_default();
    writeln!(io::stdout(), "{address}\n{}", site.path().display())?;
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
