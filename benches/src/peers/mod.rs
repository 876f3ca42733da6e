//! The other implementations, each as fast as its public interface allows.

pub(crate) mod arkworks;
pub(crate) mod snarkvm;
