//! kill -9 at any moment. The tests start their own binary again as the process that is killed; it
//! stores blocks from a file and prints each one's number once the ledger has taken it.
//!
//! `LODE_TEST_LONG=1` kills for ten times as long.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use lode_consensus::{Block, Decode, Encode, Hash};
use lode_ledger::fsck::Depth;
use lode_testkit::{
    maker::{Maker, Plan, network},
    raw::{chain_columns, dump},
    store::{expected_tip, folder, fsck, open, order, replay, store, store_all},
};
use rand::RngExt;

/// Names the folder that the process to be killed works in.
const FOLDER: &str = "LODE_CRASH_FOLDER";

fn budget() -> Duration {
    Duration::from_secs(if env::var_os("LODE_TEST_LONG").is_some_and(|value| value == "1") {
        60
    } else {
        6
    })
}

/// Stores the blocks of the file that are not stored yet, in order.
fn be_killed(folder: &Path) {
    let ledger = open(&folder.join("ledger"), &network("smallnet")).unwrap();
    let mut out = std::io::stdout();
    writeln!(out, "\nopen").unwrap();
    for (index, line) in fs::read_to_string(folder.join("blocks")).unwrap().lines().enumerate() {
        let block = Block::decode(&hex::decode(line).unwrap()).unwrap();
        if ledger.read().entry(&block.hash()).unwrap().is_none() {
            store(&ledger, &block).unwrap();
            writeln!(out, "stored {index}").unwrap();
            out.flush().unwrap();
        }
    }
    writeln!(out, "all stored").unwrap();
}

/// The process to be killed, and what it prints.
struct Victim {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Victim {
    fn start(test: &str, folder: &Path) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .env(FOLDER, folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Reads until a line that `wanted` accepts, or the end.
    fn read_until(&mut self, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let mut read = Vec::new();
        for line in self.lines.by_ref() {
            read.push(line.unwrap());
            if wanted(read.last().unwrap()) {
                break;
            }
        }
        read
    }

    /// SIGKILL; then what it had still printed.
    fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        assert!(
            status.signal() == Some(9) || status.success(),
            "the process failed by itself: {status}"
        );
        self.lines.map(Result::unwrap).collect()
    }
}

fn write_blocks(maker: &Maker, folder: &Path, hashes: &[Hash]) {
    let lines: Vec<String> =
        hashes.iter().map(|hash| hex::encode(maker.block(hash).encode())).collect();
    fs::write(folder.join("blocks"), lines.join("\n")).unwrap();
}

/// A tree with reorgs of a few blocks, in an order of arrival.
fn arrivals(maker: &mut Maker) -> Vec<Hash> {
    let mut blocks = vec![maker.genesis()];
    for index in 0..400 {
        let back = maker.rng().random_range(0..5.min(blocks.len()));
        let parent = blocks[blocks.len() - 1 - back];
        let plan = Plan { transfers: usize::from(index % 4 == 0), shares: 2, ..Plan::EMPTY };
        blocks.push(maker.make(&parent, plan));
    }
    // Shuffled in pieces, so that the order is not all depth first and not all breadth first.
    blocks.remove(0);
    let mut arrivals = Vec::new();
    for piece in blocks.chunks(20) {
        arrivals.extend(order(maker, piece, &arrivals));
    }
    arrivals
}

#[test]
fn killed_while_storing() {
    if let Some(folder) = env::var_os(FOLDER) {
        return be_killed(Path::new(&folder));
    }
    let (start, mut kills, mut seed) = (Instant::now(), 0, 40);
    while kills < 5 || start.elapsed() < budget() {
        seed += 1;
        let mut maker = Maker::new(network("smallnet"), seed);
        let blocks = arrivals(&mut maker);
        let folder = folder();
        write_blocks(&maker, folder.path(), &blocks);
        let mut acknowledged = 0;
        while acknowledged < blocks.len() && (kills < 5 || start.elapsed() < budget()) {
            let mut victim = Victim::start("killed_while_storing", folder.path());
            let mut printed = victim.read_until(|line| line == "open");
            for _ in 0..maker.rng().random_range(0..25) {
                printed.extend(
                    victim.read_until(|line| line.starts_with("stored") || line == "all stored"),
                );
            }
            std::thread::sleep(Duration::from_micros(maker.rng().random_range(0..3_000)));
            printed.extend(victim.kill());
            kills += 1;
            for line in &printed {
                if let Some(index) =
                    line.strip_prefix("stored ").and_then(|index| index.parse::<usize>().ok())
                {
                    acknowledged = index + 1;
                }
            }
            let ledger = open(&folder.path().join("ledger"), maker.network()).unwrap();
            let reader = ledger.read();
            let stored =
                blocks.iter().take_while(|hash| reader.entry(hash).unwrap().is_some()).count();
            // The block in hand when the signal came may have got through.
            assert!(
                stored == acknowledged || stored == acknowledged + 1,
                "{stored} stored, {acknowledged} promised"
            );
            assert_eq!(reader.tip().unwrap().1, expected_tip(&maker, &blocks[..stored]));
            drop(reader);
            fsck(&ledger, Depth::Replay).unwrap();
            acknowledged = stored;
        }
    }
    println!("{kills} kills");
}

#[test]
fn killed_during_a_reorg() {
    if let Some(folder) = env::var_os(FOLDER) {
        return be_killed(Path::new(&folder));
    }
    let mut maker = Maker::new(network("smallnet"), 41);
    let light = Plan { shares: 1, ..Plan::EMPTY };
    let stem = maker.extend(&maker.genesis(), 8, light);
    let old = maker.extend(&stem[7], 150, light);
    let new = maker.extend(&stem[7], 151, light);
    let (trigger, rest) = new.split_last().unwrap();
    let fresh = replay(&maker, &maker.chain(trigger));

    let (start, mut caught, mut kills) = (Instant::now(), 0, 0);
    while caught == 0 || start.elapsed() < budget() {
        assert!(start.elapsed() < 20 * budget(), "{kills} kills, and none fell into the reorg");
        let folder = folder();
        let ledger = open(&folder.path().join("ledger"), maker.network()).unwrap();
        for blocks in [&stem, &old, rest] {
            store_all(&ledger, &maker, blocks);
        }
        drop(ledger);
        write_blocks(&maker, folder.path(), &[*trigger]);
        // Killed while it moves, and again and again while it heals, until it gets through once.
        for round in 1.. {
            let mut victim = Victim::start("killed_during_a_reorg", folder.path());
            // The first one says that it is open, and moves then; the later ones move before they
            // say so.
            if round == 1 {
                victim.read_until(|line| line == "open");
            }
            let pause_us = 20_000 * round;
            std::thread::sleep(Duration::from_micros(maker.rng().random_range(0..pause_us)));
            let done = victim.kill().iter().any(|line| line == "all stored");
            kills += 1;
            let records = chain_columns(dump(&folder.path().join("ledger")));
            let hashes: Vec<&[u8]> =
                records["chain"].iter().map(|(_, hash)| hash.as_slice()).collect();
            let on_old = hashes.contains(&old[149].0.as_slice());
            let on_new = hashes.contains(&trigger.0.as_slice());
            caught += usize::from(!on_old && !on_new);
            if done || on_new {
                break;
            }
        }
        let ledger = open(&folder.path().join("ledger"), maker.network()).unwrap();
        store(&ledger, maker.block(trigger)).unwrap();
        assert_eq!(ledger.read().tip().unwrap().1, *trigger);
        fsck(&ledger, Depth::Replay).unwrap();
        drop(ledger);
        assert!(chain_columns(dump(&folder.path().join("ledger"))) == fresh);
    }
    println!("{kills} kills, {caught} of them within the reorg");
}
