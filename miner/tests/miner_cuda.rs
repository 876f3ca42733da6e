//! The cuda engine, as a user types it, on the emulated driver of `cuda/emulator`: real PTX, real
//! processes, injected faults.
#![cfg(target_arch = "x86_64")] // the emulator is for nothing else

#[allow(dead_code, reason = "the other test of the miner uses the rest of it")]
mod fake_node;

use std::{
    io::{BufRead, BufReader, Read},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use fake_node::{FakeNode, LOG_N, address, header};
use serde_json::Value;

const VECTORS: &str = include_str!("../../puzzle/tests/vectors/puzzle.json");
/// How long anything may take: the emulator needs a tenth of a second for an attempt, on a core of
/// its own.
const PATIENCE: Duration = Duration::from_secs(120);

/// The folder of the emulated libcuda. The first use builds it, and translates the kernels, which
/// takes a minute.
static EMULATOR: LazyLock<PathBuf> = LazyLock::new(|| {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cuda/emulator/build.py");
    let output = Command::new("python3").arg(script).output().expect("python3 builds the emulator");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let folder = PathBuf::from(String::from_utf8(output.stdout).unwrap().trim_end());
    let warm_up =
        emulated_at(&folder, &attempt("cuda", &"00".repeat(32), "0", "2"), &[]).output().unwrap();
    assert!(warm_up.status.success(), "{warm_up:?}");
    folder
});

/// Emulated devices are busy cores: one test with several of them at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_long() -> bool {
    std::env::var_os("LODE_TEST_LONG").is_some()
}

/// `lode-miner` without any CUDA driver, unless the system has one.
fn lode_miner(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lode-miner"));
    for (name, _) in
        std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CUEMU_"))
    {
        command.env_remove(name);
    }
    command
        .env_remove("LODE_NODE")
        .env_remove("LD_LIBRARY_PATH")
        .env_remove("CUDA_VISIBLE_DEVICES");
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn emulated_at(folder: &Path, arguments: &[&str], settings: &[(&str, &str)]) -> Command {
    let mut command = lode_miner(arguments);
    command.env("LD_LIBRARY_PATH", folder).env("CUEMU_CACHE", folder.join("modules"));
    command.envs(settings.iter().copied());
    command
}

fn emulated(arguments: &[&str], settings: &[(&str, &str)]) -> Command {
    emulated_at(&EMULATOR, arguments, settings)
}

fn attempt<'a>(
    engine: &'a str,
    statement: &'a str,
    nonce: &'a str,
    log_n: &'a str,
) -> [&'a str; 10] {
    [
        "attempt",
        "--engine",
        engine,
        "--statement",
        statement,
        "--nonce",
        nonce,
        "--log-n",
        log_n,
        "--json",
    ]
}

fn assert_complains(output: Output, text: &str) {
    assert_complains_with(1, output, text);
}

fn assert_complains_with(code: i32, output: Output, text: &str) {
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert!(output.stdout.is_empty());
    assert!(stderr.contains(text), "expected {text:?} in {stderr:?}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

// --- Attempts ------------------------------------------------------------------------------------

#[test]
fn attempts_equal_the_reference_engine() {
    let _alone = alone();
    let statements = ["00".repeat(32), "9a".repeat(32), "ff".repeat(32)];
    let nonces = ["0", "1", "4294967295", "18446744073709551615"];
    let sizes = ["2", "3", "5", "8", "9", "11"];
    for (index, log_n) in sizes.into_iter().enumerate() {
        let (statement, nonce) =
            (&statements[index % statements.len()], nonces[index % nonces.len()]);
        let expected = lode_miner(&attempt("reference", statement, nonce, log_n)).output().unwrap();
        let made = emulated(&attempt("cuda", statement, nonce, log_n), &[]).output().unwrap();
        let stderr = String::from_utf8(made.stderr).unwrap();
        assert_eq!((made.status.code(), stderr.as_str()), (Some(0), ""));
        assert_eq!(
            String::from_utf8(made.stdout),
            String::from_utf8(expected.stdout),
            "log_n {log_n}, nonce {nonce}"
        );
    }
}

#[test]
fn attempts_are_the_vectors() {
    if !is_long() {
        println!(
            "skipped: an attempt of the real size takes some 4 s in the emulator; it runs with \
             LODE_TEST_LONG=1"
        );
        return;
    }
    let _alone = alone();
    for vector in serde_json::from_str::<Vec<Value>>(VECTORS).unwrap() {
        let (statement, nonce) =
            (vector["statement"].as_str().unwrap(), vector["nonce"].to_string());
        let made = emulated(&attempt("cuda", statement, &nonce, "13"), &[("CUEMU_MEM", "64M")])
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        assert_eq!(serde_json::from_slice::<Value>(&made.stdout).unwrap(), vector);
    }
}

#[test]
fn an_attempt_with_flipped_bits_is_not_printed() {
    let statement = "00".repeat(32);
    let expected = lode_miner(&attempt("reference", &statement, "1", "2")).output().unwrap().stdout;
    let mut refused = 0;
    // After the known answers about every third copy is flipped; which ones, the seed decides.
    for seed in ["9", "22", "42", "46"] {
        let settings = [("CUEMU_SEED", seed), ("CUEMU_FAULT", "bitflip:0.3:64")];
        let output = emulated(&attempt("cuda", &statement, "1", "2"), &settings).output().unwrap();
        if output.status.success() {
            assert_eq!(output.stdout, expected, "seed {seed}");
        } else {
            refused += 1;
            assert_complains(output, "GPU 0");
        }
    }
    assert!(refused > 0, "no seed flips anything");
}

#[test]
fn devices_are_listed() {
    let list = |flags: &[&str]| {
        let output = emulated(
            &[&["devices"], flags].concat(),
            &[("CUEMU_DEVICES", "3"), ("CUEMU_MEM", "2G")],
        )
        .output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    let devices: Vec<Value> = serde_json::from_str(&list(&["--json"])).unwrap();
    assert_eq!(devices.len(), 3);
    for (index, device) in devices.iter().enumerate() {
        assert_eq!(device["index"], index);
        assert_eq!(device["bus_id"], format!("0000:0{}:00.0", index + 1));
        assert_eq!(device["memory_bytes"], 2u64 << 30);
        assert_eq!(device["compute_capability"], "8.0");
        assert!(device["name"].as_str().unwrap().contains("cuemu"));
    }
    let table = list(&[]);
    assert_eq!(table.lines().count(), 4);
    assert!(
        table
            .lines()
            .nth(3)
            .unwrap()
            .starts_with("  2  0000:03:00.0    2.0 GiB         8.0  cuemu"),
        "{table}"
    );
}

#[test]
fn what_is_missing_is_one_line_and_never_a_run_on_the_cpu() {
    let statement = "07".repeat(32);
    let arguments = attempt("cuda", &statement, "1", "2");
    let with = |settings: &[(&str, &str)]| emulated(&arguments, settings).output().unwrap();
    let system_has_driver = ["/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib/wsl/lib"]
        .iter()
        .any(|folder| Path::new(folder).join("libcuda.so.1").exists());
    if !system_has_driver {
        let address = address().to_string();
        for arguments in
            [&arguments[..], &["devices"], &["mine", "--engine", "cuda", "--address", &address]]
        {
            assert_complains(
                lode_miner(arguments).output().unwrap(),
                "no NVIDIA driver: expected libcuda.so",
            );
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let old = "int cuDriverGetVersion(int *version) { *version = 11040; return 0; }";
    for (driver, text) in [
        ("int x;", "no NVIDIA driver: expected libcuda.so"),
        (old, "expected one for CUDA 12.0, which"),
    ] {
        let source = folder.path().join("driver.c");
        std::fs::write(&source, driver).unwrap();
        let library = folder.path().join("libcuda.so.1");
        let status = Command::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .status()
            .unwrap();
        assert!(status.success());
        let output = lode_miner(&arguments).env("LD_LIBRARY_PATH", folder.path()).output().unwrap();
        assert_complains(output, text);
    }
    assert_complains(with(&[("CUEMU_DEVICES", "0")]), "the NVIDIA driver finds no device");
    let devices = [&arguments[..], &["--devices", "0,2"]].concat();
    let output = emulated(&devices, &[("CUEMU_DEVICES", "2")]).output().unwrap();
    assert_complains(output, "no CUDA device 2: `lode-miner devices` lists the 2 that are there");
    assert_complains(with(&[("CUEMU_MEM", "1M")]), "out of memory");
    assert_complains(with(&[("CUEMU_FAULT", "launch:20")]), "CUDA error 700");
    assert_complains(with(&[("CUEMU_FAULT", "launch:20:sticky")]), "CUDA error 700");
    assert_complains(with(&[("CUEMU_FAULT", "bitflip:1")]), " of 1 attempts won");
    assert_complains(
        with(&[("CUEMU_FAULT", "bitflip:1:64")]),
        "known-answer test failed: nonce 0 of",
    );
    // With this seed, the first answer's copy is spared and the second one's is not.
    let second = [("CUEMU_FAULT", "bitflip:0.3:64"), ("CUEMU_SEED", "1")];
    assert_complains(with(&second), "known-answer test failed: nonce 18446744073709551615 of");

    let reference = attempt("reference", &statement, "1", "2");
    let output = emulated(&[&reference[..], &["--devices", "0"]].concat(), &[]).output().unwrap();
    assert_complains_with(2, output, "--devices is for --engine cuda");
    let output = emulated(&["bench", "--engine", "cuda", "--threads", "2"], &[]).output().unwrap();
    assert_complains_with(2, output, "the cuda engine has one for each device");
}

#[test]
fn bench_measures_stages_and_fits_its_batches_into_memory() {
    let _alone = alone();
    let bench = |settings: &[(&str, &str)]| -> Value {
        let arguments = ["bench", "--engine", "cuda", "--log-n", "2", "--seconds", "1", "--json"];
        let output = emulated(&arguments, settings).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let report = bench(&[("CUEMU_DEVICES", "2")]);
    assert_eq!((&report["engine"], &report["threads"]), (&"cuda".into(), &2.into()));
    let devices = report["devices"].as_array().unwrap();
    assert_eq!(devices.len(), 2);
    for device in devices {
        assert_eq!(device["batch"], 8);
        assert!(device["attempts_per_s"].as_f64().unwrap() > 0.0);
        let stages = device["stages"].as_object().unwrap();
        assert_eq!(stages.len(), 6);
        assert!(stages.values().all(|time| time.as_f64().unwrap() > 0.0), "{stages:?}");
        assert!(device["clock_sm_mhz"].is_null(), "there is no NVML for this device");
    }
    // Less memory than the driver admits, and less than a full batch takes.
    let batch = |settings| bench(settings)["devices"][0]["batch"].as_u64().unwrap();
    assert_eq!(batch(&[("CUEMU_FAULT", "oom:5M")]), 2);
    assert_eq!(batch(&[("CUEMU_MEM", "6M")]), 3);
}

// --- Mining --------------------------------------------------------------------------------------

/// A miner on emulated devices; its lines are collected as they come.
struct Rig {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    readers: Vec<JoinHandle<()>>,
}

impl Rig {
    fn start(node: &FakeNode, settings: &[(&str, &str)]) -> Self {
        let (log_n, address) = (LOG_N.to_string(), address().to_string());
        let arguments = [
            "mine",
            "--node",
            &node.url(),
            "--address",
            &address,
            "--engine",
            "cuda",
            "--log-n",
            &log_n,
        ];
        let mut child = emulated(&arguments, settings).process_group(0).spawn().unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let collect = |stream: Box<dyn Read + Send>| {
            let lines = lines.clone();
            std::thread::spawn(move || {
                let stream = BufReader::new(stream).lines();
                stream.map_while(Result::ok).for_each(|line| lines.lock().unwrap().push(line));
            })
        };
        let readers = vec![
            collect(Box::new(child.stdout.take().unwrap())),
            collect(Box::new(child.stderr.take().unwrap())),
        ];
        Self { child, lines, readers }
    }

    fn has_line(&self, parts: &[&str]) -> bool {
        self.lines.lock().unwrap().iter().any(|line| parts.iter().all(|part| line.contains(part)))
    }

    fn wait_for_line(&self, parts: &[&str]) {
        let deadline = Instant::now() + PATIENCE;
        while !self.has_line(parts) {
            assert!(
                Instant::now() < deadline,
                "no line with {parts:?} in {:?}",
                self.lines.lock().unwrap()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends a signal to the miner's process group, as a terminal does, unless it has ended by
    /// itself.
    fn signal(&self, name: &str) {
        let group = format!("-{}", self.child.id());
        Command::new("kill")
            .args(["-s", name, "--", &group])
            .stderr(Stdio::null())
            .status()
            .unwrap();
    }

    /// Waits for the end. Exit code and lines.
    fn end(mut self) -> (Option<i32>, Vec<String>) {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None if Instant::now() > deadline => {
                    self.child.kill().unwrap();
                    panic!("the miner does not end: {:?}", self.lines.lock().unwrap());
                }
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        self.readers.drain(..).for_each(|reader| reader.join().unwrap());
        (status.code(), self.lines.lock().unwrap().clone())
    }

    /// The processes of its devices.
    fn workers(&self) -> Vec<u32> {
        let parent = self.child.id().to_string();
        let processes = std::fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().into_string().ok());
        let is_worker = |process: &u32| field_of_stat(*process, 4).as_deref() == Some(&parent);
        processes.filter_map(|name| name.parse().ok()).filter(is_worker).collect()
    }
}

/// A field of proc_pid_stat(5), from the third on; `None` once the process is gone.
fn field_of_stat(process: u32, number: usize) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split(' ').nth(number - 3).map(str::to_owned)
}

/// What the summary says of a device.
fn summary_of<'a>(lines: &'a [String], device: &str) -> &'a str {
    let is_summary = |line: &&String| line.starts_with(device) && line.contains(" attempts, ");
    lines.iter().find(is_summary).unwrap_or_else(|| panic!("no summary of {device} in {lines:?}"))
}

fn attempts_in(summary: &str) -> u64 {
    summary.split(": ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn shares_arrive_and_an_interrupt_ends_all_processes() {
    let _alone = alone();
    let node = FakeNode::start(header(3, 4));
    let rig = Rig::start(&node, &[("CUEMU_DEVICES", "2")]);
    node.wait_until("shares", |state| state.received.len() >= 8);
    node.set_job(header(4, 4));
    node.wait_until("shares of the next job", |state| {
        state.received.iter().any(|received| received.content_hash == header(4, 4).content_hash())
    });
    let workers = rig.workers();
    assert_eq!(workers.len(), 2);
    rig.signal("INT");
    let (code, lines) = rig.end();
    assert_eq!(code, Some(0), "{lines:?}");
    for device in ["GPU 0 (", "GPU 1 ("] {
        assert!(attempts_in(summary_of(&lines, device)) > 0, "{lines:?}");
    }
    assert!(lines.iter().any(|line| line.starts_with("stopped after ")), "{lines:?}");
    assert!(
        !lines.iter().any(|line| line.contains("failed")),
        "the interrupt reached a device's process: {lines:?}"
    );
    assert_eq!(node.state().faults, [""; 0]);
    let is_gone = |process: &u32| field_of_stat(*process, 3).is_none_or(|state| state == "Z");
    assert!(workers.iter().all(is_gone), "a device's process outlived the miner");
}

#[test]
fn a_killed_miner_leaves_no_process_behind() {
    let _alone = alone();
    let node = FakeNode::start(header(3, 4));
    let rig = Rig::start(&node, &[]);
    node.wait_until("shares", |state| !state.received.is_empty());
    let workers = rig.workers();
    assert_eq!(workers.len(), 1);
    rig.signal("KILL");
    rig.end();
    wait_until_gone(workers[0]);
}

#[test]
fn a_driver_that_hangs_keeps_neither_the_miner_nor_its_process() {
    let _alone = alone();
    let node = FakeNode::start(header(3, 4));
    let rig = Rig::start(&node, &[("CUEMU_DEVICES", "2"), ("CUEMU_FAULT", "launch:60:hang@1")]);
    node.wait_until("shares of the other device", |state| state.received.len() >= 20);
    let workers = rig.workers();
    assert_eq!(workers.len(), 2);
    rig.signal("INT");
    let (code, lines) = rig.end();
    assert_eq!(code, Some(0), "{lines:?}");
    workers.into_iter().for_each(wait_until_gone);
}

fn wait_until_gone(process: u32) {
    let deadline = Instant::now() + PATIENCE;
    while field_of_stat(process, 3).is_some_and(|state| state != "Z") {
        assert!(Instant::now() < deadline, "a device's process outlived the miner");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_device_that_works_between_its_failures_is_kept() {
    let _alone = alone();
    let node = FakeNode::start(header(3, 4));
    // Every process makes a few batches, and then fails: six times in all, each of them the first
    // failure in a row.
    let rig = Rig::start(&node, &[("CUEMU_FAULT", "launch:100:sticky")]);
    let is_failure =
        |line: &&String| line.contains("GPU 0 (") && line.contains("started again in 1 s");
    let deadline = Instant::now() + PATIENCE;
    while rig.lines.lock().unwrap().iter().filter(is_failure).count() < 6 {
        assert!(
            Instant::now() < deadline && !rig.has_line(&["DISABLED"]),
            "{:?}",
            rig.lines.lock().unwrap()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    rig.signal("INT");
    let (code, lines) = rig.end();
    assert_eq!(code, Some(0), "{lines:?}");
    assert_eq!(node.state().faults, [""; 0]);
}

#[test]
fn one_of_three_devices_fails_and_the_others_go_on() {
    let _alone = alone();
    let node = FakeNode::start(header(3, 4));
    // In the first batch after the known answers, in every process of device 1.
    let rig = Rig::start(&node, &[("CUEMU_DEVICES", "3"), ("CUEMU_FAULT", "launch:60:sticky@1")]);
    rig.wait_for_line(&["GPU 1 (", "failed", "CUDA error 700", "started again in 1 s"]);
    rig.wait_for_line(&["GPU 1 (", "started again in 4 s"]);
    rig.wait_for_line(&["GPU 1 (", "is DISABLED", "CUDA error 700"]);
    let before = node.state().received.len();
    node.wait_until("shares of the other two", |state| state.received.len() >= before + 10);
    rig.signal("INT");
    let (code, lines) = rig.end();
    assert_eq!(code, Some(0), "{lines:?}");
    for device in ["GPU 0 (", "GPU 2 ("] {
        let summary = summary_of(&lines, device);
        assert!(
            attempts_in(summary) > 0
                && !summary.contains("DISABLED")
                && !summary.contains("restarts"),
            "{summary}"
        );
    }
    let summary = summary_of(&lines, "GPU 1 (");
    assert!(attempts_in(summary) == 0 && summary.contains("3 restarts, DISABLED: "), "{summary}");
    assert_eq!(node.state().faults, [""; 0]);
}

/// Mines until the node has `enough` shares and the miner has written a line with the `expected`
/// parts. `settings` break device 1 of two. Nothing invalid may arrive.
fn mine_with_a_broken_device(
    settings: &[(&str, &str)],
    enough: usize,
    expected: &[&str],
) -> Vec<String> {
    let node = FakeNode::start(header(3, 2));
    let rig = Rig::start(&node, &[&[("CUEMU_DEVICES", "2")], settings].concat());
    rig.wait_for_line(expected);
    node.wait_until("shares", |state| state.received.len() >= enough);
    rig.signal("INT");
    let (code, lines) = rig.end();
    assert_eq!(code, Some(0), "{lines:?}");
    assert_eq!(node.state().faults, [""; 0], "{lines:?}");
    assert!(lines.iter().all(|line| !line.contains("REFUSED")), "{lines:?}");
    lines
}

#[test]
fn flipped_bits_never_reach_the_node() {
    let _alone = alone();
    // Every copy of more than two records: none of the known answers, and most batches.
    let lines = mine_with_a_broken_device(
        &[("CUEMU_FAULT", "bitflip:1:600@1")],
        20,
        &["INVALID PROOF, not submitted", "GPU 1 (", "is DISABLED: wrong result, nonce "],
    );
    let summary = summary_of(&lines, "GPU 1 (");
    assert!(summary.contains(", 3 WRONG, 2 restarts, DISABLED: wrong result"), "{summary}");
    let invalid = lines.iter().filter(|line| line.starts_with("INVALID PROOF")).count();
    assert_eq!(invalid, 3, "{lines:?}");
    assert!(
        lines.iter().any(|line| line.starts_with("stopped after") && line.contains(", 3 INVALID")),
        "{lines:?}"
    );
}

#[test]
fn of_a_thousand_copies_one_is_flipped_and_nothing_invalid_arrives() {
    if !is_long() {
        println!("skipped: it takes minutes, and runs with LODE_TEST_LONG=1");
        return;
    }
    let _alone = alone();
    let node = FakeNode::start(header(3, 2));
    // Every attempt wins, and a batch is one attempt: two copies. A process that starts again has
    // the same flips again, so both devices may be disabled in the end.
    let rig = Rig::start(
        &node,
        &[("CUEMU_DEVICES", "2"), ("CUEMU_MEM", "3M"), ("CUEMU_FAULT", "bitflip:0.001")],
    );
    let started = Instant::now();
    while node.state().received.len() < 2500
        && !rig.has_line(&["no device is left"])
        && started.elapsed() < 10 * PATIENCE
    {
        std::thread::sleep(Duration::from_millis(20));
    }
    rig.signal("INT");
    let (_, lines) = rig.end();
    let state = node.state();
    assert_eq!(state.faults, [""; 0], "{lines:?}");
    assert!(state.received.len() > 500, "{} shares, {lines:?}", state.received.len());
    let is_fault =
        |line: &&String| line.contains("INVALID PROOF") || line.contains("started again in");
    let faults = lines.iter().filter(is_fault).count();
    println!("{} shares, {faults} faults", state.received.len());
    assert!(faults > 0, "{lines:?}");
}

#[test]
fn a_device_that_gives_other_answers_than_the_cpu_gets_no_work() {
    let _alone = alone();
    let settings = [("CUEMU_FAULT", "bitflip:1:64@1")];
    let lines = mine_with_a_broken_device(
        &settings,
        4,
        &["GPU 1 (", "is DISABLED: its known-answer test failed"],
    );
    assert!(attempts_in(summary_of(&lines, "GPU 1 (")) == 0, "{lines:?}");
}

#[test]
fn without_a_device_mining_ends() {
    let _alone = alone();
    let node = FakeNode::start(header(3, 4));
    let rig = Rig::start(&node, &[("CUEMU_FAULT", "bitflip:1:64")]);
    let (code, lines) = rig.end();
    assert_eq!(code, Some(1), "{lines:?}");
    assert!(
        lines
            .iter()
            .any(|line| line
                .starts_with("lode-miner: no device is left to mine with; stopped after ")),
        "{lines:?}"
    );
    assert_eq!(node.state().submitted_nonces, [0; 0]);
}
