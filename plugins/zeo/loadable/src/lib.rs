//! The method `zeo` as a library, `libdsnap_zeo.so`.
//!
//! It is the proof that a method of this size can live outside the program. A build of the program
//! without the feature `zeo` finds it here.

dsnap_sdk::export!(dsnap_zeo::Zeo::default());
