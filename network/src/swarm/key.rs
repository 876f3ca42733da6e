//! The node's identity: an Ed25519 key, made on the first start.

use std::{io, path::Path};

use libp2p::identity::Keypair;

use crate::files;

/// The largest file that is read.
const MAX_FILE_BYTES: u64 = 1_024;

/// The key in the file, in libp2p's protobuf encoding; a new one if there is no file.
///
/// # Errors
/// The system's, or `InvalidData` if the file holds no key: it is never overwritten.
pub(super) fn load_or_create(path: &Path) -> io::Result<Keypair> {
    if let Some(bytes) = files::read(path, MAX_FILE_BYTES)? {
        return Keypair::from_protobuf_encoding(&bytes).map_err(|error| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("no key of a peer ({error}): remove it to get a new one"),
            )
        });
    }
    let key = Keypair::generate_ed25519();
    let bytes = key.to_protobuf_encoding().map_err(io::Error::other)?;
    files::replace(path, &bytes)?;
    Ok(key)
}
