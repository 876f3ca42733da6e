//! Keys, addresses and peers that are the same in every run.

use lode_consensus::{
    Action, Address, Hash, Height, SignedTransaction, Transaction, transaction::Transfer,
};
use lode_network::PeerId;
use rand::{SeedableRng, rngs::StdRng};
use snarkvm::console::{
    account::{Address as AleoAddress, PrivateKey},
    network::MainnetV0,
};

/// A key and its address.
#[derive(Debug, Clone)]
pub struct Actor {
    pub key: PrivateKey<MainnetV0>,
    pub address: Address,
}

/// The first accounts of a seed.
pub fn actors(seed: u64, count: usize) -> Vec<Actor> {
    let mut rng = StdRng::seed_from_u64(seed);
    let keys = (0..count).map(|_| PrivateKey::new(&mut rng).expect("a key"));
    keys.map(|key| Actor { address: address_of(&key), key }).collect()
}

impl Actor {
    /// The first account of a seed.
    pub fn new(seed: u64) -> Self {
        actors(seed, 1).remove(0)
    }

    /// A signed transfer of this account's. The signature is the same in every run.
    pub fn transfer(
        &self,
        genesis: &Hash,
        to: Address,
        amount: u64,
        fee: u64,
        nonce: u64,
        expiry: Height,
    ) -> SignedTransaction {
        self.sign(genesis, Action::Transfer(Transfer { to, amount }), fee, nonce, expiry)
    }

    /// A signed transaction of any kind.
    pub fn sign(
        &self,
        genesis: &Hash,
        action: Action,
        fee: u64,
        nonce: u64,
        expiry: Height,
    ) -> SignedTransaction {
        let transaction = Transaction { from: self.address, fee, nonce, expiry, action };
        let mut rng = StdRng::seed_from_u64(nonce);
        transaction.sign(&self.key, genesis, &mut rng).expect("a key signs")
    }
}

pub fn address_of(key: &PrivateKey<MainnetV0>) -> Address {
    let address = AleoAddress::<MainnetV0>::try_from(key).expect("a key has an address");
    Address::try_from(&address).expect("an address")
}

/// The peer id of a participant: an identity multihash of its number.
pub fn peer_id(participant: usize) -> PeerId {
    let [a, b, c, d] = u32::try_from(participant).expect("few participants").to_be_bytes();
    PeerId::from_bytes(&[0, 4, a, b, c, d]).expect("an identity multihash is a peer id")
}
