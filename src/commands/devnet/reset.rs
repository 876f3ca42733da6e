//! `lode devnet --reset`: takes away what a devnet's nodes keep, so that the next start begins with
//! genesis.
//!
//! What must not be broken: nothing goes but the files that nodes are known to write beside a chain
//! of this network's name. Keys stay: the keystore's, and `peer.key`, a node's identity.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use lode_genesis::Network;
use lode_ledger::{Ledger, LedgerFacts};

use super::{
    DevnetError,
    nodes::{DEVNET, NODES, node_error},
};
use crate::commands::CommandError;

/// What nodes write beside their chain: what waits for a block, and what is known of peers. Each is
/// replaced by way of a file beside it, NAME.….new, which a kill can leave behind.
const FILES: [&str; 4] = ["mempool.journal", "shares.journal", "peers.json", "bans.json"];

/// Networks that share the default place of data folders.
const OTHERS: [&str; 2] = ["mainnet", "testnet"];

/// Deletes the chains of all nodes below a data folder, with what belongs to them, and says so line
/// by line.
///
/// # Errors [`DevnetError::Node`]: a chain is another network's, a node is running on it, or a file
/// cannot be deleted.
pub(super) fn run(data_dir: &Path, out: &mut dyn Write) -> Result<(), CommandError> {
    let folders = node_folders(data_dir).map_err(|error| cannot("read", data_dir, &error))?;
    let chains = folders.iter().map(|folder| folder.join("chain"));
    let chains: Vec<PathBuf> = chains.filter(|chain| is_database(chain)).collect();
    // All of them before any goes.
    chains.iter().try_for_each(|chain| check_is_devnets(chain))?;
    if chains.is_empty() {
        writeln!(out, "nothing to remove: no devnet has run in {}", data_dir.display())?;
    }
    for chain in &chains {
        // Refused while a node runs on it: before anything beside it goes.
        Ledger::destroy(chain).map_err(node_error)?;
        writeln!(out, "removed  {}", chain.display())?;
        let folder = chain.parent().unwrap_or(data_dir);
        for file in files(folder).map_err(|error| cannot("read", folder, &error))? {
            fs::remove_file(&file).map_err(|error| cannot("delete", &file, &error))?;
            writeln!(out, "removed  {}", file.display())?;
        }
    }
    Ok(())
}

/// What a node has written into its folder, besides its chain and its key.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let is_ours = |name: &str| {
        let rest = FILES.iter().find_map(|file| name.strip_prefix(file));
        rest.is_some_and(|rest| {
            rest.is_empty() || (rest.starts_with('.') && rest.ends_with(".new"))
        })
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(is_ours) {
            files.push(entry.path());
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// The folder of the first node, and those of the others that there are.
fn node_folders(data_dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders = vec![data_dir.to_owned()];
    match fs::read_dir(data_dir.join(NODES)) {
        Ok(entries) => {
            for entry in entries {
                folders.push(entry?.path());
            }
        }
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
        Err(error) => return Err(error),
    }
    folders.sort_unstable();
    Ok(folders)
}

/// Whether a chain is a devnet's, by the name that it carries; if it was written before chains
/// carried one, whether it begins with no other network's genesis.
fn check_is_devnets(chain: &Path) -> Result<(), CommandError> {
    let Some(facts) = LedgerFacts::of(chain) else {
        let what = format!("cannot read the chain in {}: nothing was removed", chain.display());
        return Err(DevnetError::Node(what).into());
    };
    let other = match facts.network {
        Some(network) => (network != DEVNET).then_some(network),
        None => {
            let begins = |name: &&str| {
                Network::load(name)
                    .is_ok_and(|network| Some(network.genesis_hash) == facts.genesis_hash)
            };
            OTHERS.iter().find(|name| begins(name)).map(ToString::to_string)
        }
    };
    match other {
        Some(network) => Err(DevnetError::Node(format!(
            "{} holds the chain of {network}, not of a devnet: nothing was removed",
            chain.display()
        ))
        .into()),
        None => Ok(()),
    }
}

/// Whether RocksDB keeps something in a folder: its file CURRENT names the newest manifest.
fn is_database(folder: &Path) -> bool {
    fs::read(folder.join("CURRENT")).is_ok_and(|current| current.starts_with(b"MANIFEST-"))
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> CommandError {
    DevnetError::Node(format!("cannot {what} {}: {error}", path.display())).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use lode_consensus::ChainSpec;
    use lode_ledger::LedgerOptions;
    use tempfile::TempDir;

    /// The devnet with other parameters, or another network: in any case one whose chain
    /// `lode devnet` does not take.
    fn begin(folder: &Path, name: &str) -> Ledger {
        let params = Network::load(DEVNET).unwrap().params;
        let params = ChainSpec { name: name.to_owned(), maturity: params.maturity + 1, ..params };
        let network = Network::from_params(params).unwrap();
        Ledger::open(&folder.join("chain"), network, LedgerOptions::default()).unwrap()
    }

    /// The folders of three nodes, each with all that a node writes, and files that do not belong
    /// to a node.
    fn devnet() -> (TempDir, Vec<PathBuf>) {
        let place = tempfile::tempdir().unwrap();
        let folders = ["", "nodes/2", "nodes/3"].map(|folder| place.path().join(folder)).to_vec();
        for folder in &folders {
            drop(begin(folder, DEVNET));
            for name in FILES.iter().chain(&["peers.json.x1.new", "peer.key", "note.txt"]) {
                fs::write(folder.join(name), "").unwrap();
            }
        }
        fs::create_dir(place.path().join("keystore")).unwrap();
        fs::write(place.path().join("keystore/key.json"), "").unwrap();
        (place, folders)
    }

    fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort_unstable();
        names
    }

    fn reset(data_dir: &Path) -> Result<String, String> {
        let mut out = Vec::new();
        let done = run(data_dir, &mut out).map_err(|error| error.to_string());
        done.map(|()| String::from_utf8(out).unwrap())
    }

    #[test]
    fn chains_journals_and_peers_go_and_nothing_else() {
        let (place, folders) = devnet();
        let told = reset(place.path()).unwrap();
        assert_eq!(told.lines().count(), 3 * (2 + FILES.len()), "{told}");
        for folder in &folders {
            for name in FILES.iter().chain(&["chain", "peers.json.x1.new"]) {
                let line = format!("removed  {}\n", folder.join(name).display());
                assert!(told.contains(&line), "{line} in {told}");
            }
        }
        assert_eq!(names(&folders[0]), ["keystore", "nodes", "note.txt", "peer.key"]);
        assert_eq!(names(&place.path().join("keystore")), ["key.json"]);
        assert_eq!(names(&folders[1]), ["note.txt", "peer.key"]);
        let again = reset(place.path()).unwrap();
        assert!(again.starts_with("nothing to remove") && again.lines().count() == 1, "{again}");
        // And the devnet of this software starts there.
        let network = Network::load(DEVNET).unwrap();
        Ledger::open(&folders[0].join("chain"), network, LedgerOptions::default()).unwrap();
    }

    #[test]
    fn a_running_node_is_left_alone() {
        let (place, folders) = devnet();
        let before = names(&folders[0]);
        let running = begin(&folders[0], DEVNET);
        let error = reset(place.path()).unwrap_err();
        assert!(error.contains("in use") && error.lines().count() == 1, "{error}");
        assert_eq!(names(&folders[0]), before);
        assert_eq!(running.read().tip_height().unwrap(), 0);
    }

    #[test]
    fn another_networks_chain_is_left_alone() {
        let (place, folders) = devnet();
        fs::remove_dir_all(folders[2].join("chain")).unwrap();
        drop(begin(&folders[2], "my-network"));
        let before: Vec<_> = folders.iter().map(|folder| names(folder)).collect();
        let error = reset(place.path()).unwrap_err();
        assert!(error.contains("the chain of my-network") && error.lines().count() == 1, "{error}");
        assert_eq!(folders.iter().map(|folder| names(folder)).collect::<Vec<_>>(), before);
    }

    #[test]
    fn a_folder_that_only_looks_like_one_is_left_alone() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("chain")).unwrap();
        for name in ["chain/CURRENT", "peers.json", "nodes"] {
            fs::write(place.path().join(name), "somebody else's").unwrap();
        }
        for folder in [place.path(), &place.path().join("nowhere")] {
            assert!(reset(folder).unwrap().starts_with("nothing to remove"));
        }
        assert_eq!(names(place.path()), ["chain", "nodes", "peers.json"]);
        assert_eq!(names(&place.path().join("chain")), ["CURRENT"]);
    }
}
