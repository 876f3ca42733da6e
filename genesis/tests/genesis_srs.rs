//! Loading the setup leaves no trace: nothing is asked of a host, written to the home folder, or
//! printed.
//!
//! The test runs itself again as a program with an empty home folder: snarkVM's own loader, asked
//! for a power too many, makes a folder there and prints before it turns to its hosts, whatever
//! becomes of them.

use std::{env, fs, path::Path, process::Command};

use lode_genesis::srs;
use lode_puzzle::LogSize;

const CHILD: &str = "LODE_TEST_SRS_CHILD";
const NAME: &str = "every_size_is_in_the_program";

#[test]
fn every_size_is_in_the_program() {
    if env::var_os(CHILD).is_some() {
        for log_n in LogSize::MIN.log_n()..=LogSize::MAX.log_n() {
            let size = LogSize::new(log_n).unwrap();
            assert_eq!(srs::load(size).unwrap().powers().len(), size.n());
        }
        return;
    }
    let home = tempfile::tempdir().unwrap();
    // A proxy that refuses: every request to a host fails.
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .envs(["HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "TMPDIR"].map(|name| (name, home.path())))
        .envs(["http_proxy", "https_proxy", "ALL_PROXY"].map(|name| (name, "http://127.0.0.1:9")))
        .current_dir(home.path())
        .output()
        .unwrap();
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{complained}");
    assert_eq!(files(home.path()), 0, "the home folder was empty");
    assert_eq!(complained, "");
    let lines: Vec<_> = said.lines().filter(|line| !line.is_empty()).collect();
    assert!(lines.len() == 3, "expected the lines of the test's frame alone, got {said}");
}

#[test]
fn a_size_beyond_the_file_is_refused_before_anything_is_loaded() {
    assert!(LogSize::new(LogSize::MAX.log_n() + 1).is_err());
}

fn files(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}
