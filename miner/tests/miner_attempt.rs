//! `attempt` and `verify`, as a user types them.

use std::process::Command;

use serde_json::Value;

const VECTORS: &str = include_str!("../../puzzle/tests/vectors/puzzle.json");

fn vectors() -> Vec<Value> {
    serde_json::from_str(VECTORS).unwrap()
}

struct Outcome {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn lode_miner(args: &[&str]) -> Outcome {
    lode_miner_with(args, &[])
}

fn lode_miner_with(args: &[&str], environment: &[(&str, &str)]) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lode-miner"));
    let output = command.args(args).envs(environment.iter().copied()).output().unwrap();
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn field<'a>(vector: &'a Value, name: &str) -> &'a str {
    vector[name].as_str().unwrap()
}

fn verify(vector: &Value, commitment: &str, opening: &str, nonce: &str) -> Outcome {
    let statement = field(vector, "statement");
    lode_miner(&[
        "verify",
        "--statement",
        statement,
        "--nonce",
        nonce,
        "--commitment",
        commitment,
        "--opening",
        opening,
    ])
}

/// Exit code, nothing on standard output, one line on standard error that contains the text.
fn assert_complains(outcome: &Outcome, code: i32, text: &str) {
    assert_eq!(outcome.code, Some(code), "{}", outcome.stderr);
    assert_eq!(outcome.stdout, "");
    assert!(outcome.stderr.contains(text), "expected {text:?} in {:?}", outcome.stderr);
    assert_eq!(outcome.stderr.trim_end().lines().count(), 1, "{}", outcome.stderr);
}

#[test]
fn attempt_prints_the_vectors() {
    for vector in vectors() {
        let nonce = vector["nonce"].to_string();
        let args =
            ["attempt", "--statement", field(&vector, "statement"), "--nonce", &nonce, "--json"];
        let outcome = lode_miner(&args);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
        assert_eq!(serde_json::from_str::<Value>(&outcome.stdout).unwrap(), vector);
    }
}

#[test]
fn lode_cpu_chooses_among_what_the_processor_has() {
    let vector = &vectors()[0];
    let args = ["attempt", "--statement", field(vector, "statement"), "--nonce", "0", "--json"];
    let outcome = lode_miner_with(&args, &[("LODE_CPU", "portable")]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    assert_eq!(&serde_json::from_str::<Value>(&outcome.stdout).unwrap(), vector);
    let outcome = lode_miner_with(&args, &[("LODE_CPU", "sse9")]);
    assert_complains(
        &outcome,
        1,
        "LODE_CPU: expected ifma, avx512, scalar or portable, got \"sse9\"",
    );
    let outcome = lode_miner_with(&args, &[("LODE_CPU", "")]);
    assert_complains(&outcome, 1, "LODE_CPU: expected ifma, avx512, scalar or portable, got \"\"");
}

#[test]
fn lode_cpu_chooses_what_verify_uses() {
    let vector = &vectors()[0];
    let mut args = vec!["verify", "--statement", field(vector, "statement"), "--nonce", "0"];
    args.extend([
        "--commitment",
        field(vector, "commitment"),
        "--opening",
        field(vector, "opening"),
    ]);
    assert_eq!(lode_miner_with(&args, &[("LODE_CPU", "portable")]).code, Some(0));
    let outcome = lode_miner_with(&args, &[("LODE_CPU", "sse9")]);
    assert_complains(
        &outcome,
        1,
        "LODE_CPU: expected ifma, avx512, scalar or portable, got \"sse9\"",
    );
}

#[test]
fn a_table_larger_than_allowed_is_an_error() {
    let statement = "00".repeat(32);
    let attempt = |table_mib| {
        let args = ["attempt", "--statement", &statement, "--nonce", "0", "--table-mib", table_mib];
        lode_miner_with(&args, &[("LODE_CPU", "portable")])
    };
    assert_complains(&attempt("23"), 2, "--table-mib: expected at least 24 for 2^13 bases, got 23");
    assert_eq!(attempt("24").code, Some(0));
    assert_complains(&attempt("0"), 2, "--table-mib");
    assert_complains(
        &lode_miner(&["bench", "--table-mib", "1"]),
        2,
        "--table-mib: expected at least ",
    );
}

#[test]
fn flags_for_another_engine_are_an_error() {
    let statement = "00".repeat(32);
    for command in [&["bench"][..], &["attempt", "--statement", &statement, "--nonce", "0"]] {
        for engine in ["reference", "cuda"] {
            let args = [command, &["--engine", engine, "--table-mib", "64"]].concat();
            assert_complains(&lode_miner(&args), 2, "--table-mib is for --engine cpu");
        }
        for engine in ["reference", "cpu"] {
            let args = [command, &["--engine", engine, "--devices", "0"]].concat();
            assert_complains(&lode_miner(&args), 2, "--devices is for --engine cuda");
        }
    }
}

#[test]
fn attempt_without_json_prints_every_field_on_its_line() {
    let vector = &vectors()[0];
    let args = [
        "attempt",
        "--engine",
        "reference",
        "--statement",
        field(vector, "statement"),
        "--nonce",
        "0",
    ];
    let outcome = lode_miner(&args);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    for (name, value) in vector.as_object().unwrap() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let name = name.replace('_', " ");
        let has_line = |line: &str| line.starts_with(&name) && line.ends_with(&format!(" {value}"));
        assert!(outcome.stdout.lines().any(has_line), "{name} {value} in {}", outcome.stdout);
    }
}

#[test]
fn the_size_can_be_chosen_and_binds() {
    let statement = "07".repeat(32);
    let attempt = ["attempt", "--statement", &statement, "--nonce", "3", "--log-n", "4", "--json"];
    let made: Value = serde_json::from_str(&lode_miner(&attempt).stdout).unwrap();
    let check = |log_n| {
        let (commitment, opening) = (field(&made, "commitment"), field(&made, "opening"));
        let mut args = vec!["verify", "--statement", &statement, "--nonce", "3", "--log-n", log_n];
        args.extend(["--commitment", commitment, "--opening", opening]);
        lode_miner(&args)
    };
    assert_eq!(check("4").code, Some(0));
    assert_complains(&check("5"), 1, "rule \"pairing\"");
}

#[test]
fn verify_accepts_the_vectors_in_one_line() {
    for vector in vectors() {
        let nonce = vector["nonce"].to_string();
        let outcome =
            verify(&vector, field(&vector, "commitment"), field(&vector, "opening"), &nonce);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
        assert_eq!(outcome.stdout.lines().count(), 1);
        assert!(outcome.stdout.contains(field(&vector, "ticket")));
    }
}

#[test]
fn verify_names_the_rule_that_a_forgery_breaks() {
    let vector = &vectors()[0];
    let (commitment, opening) = (field(vector, "commitment"), field(vector, "opening"));
    let refused = |commitment: &str, opening: &str, rule: &str| {
        assert_complains(&verify(vector, commitment, opening, "0"), 1, &format!("rule \"{rule}\""));
    };
    refused(&commitment[2..], opening, "length");
    refused(commitment, &format!("{opening}00"), "length");
    refused(commitment, &opening[1..], "length");
    refused("", opening, "length");
    refused(&"ff".repeat(96), opening, "coordinate range");
    refused(commitment, &"00".repeat(96), "curve");
    // (0, 1), a point of order 3: what other software writes for infinity.
    let order_3 = ["00".repeat(48), "01".to_owned(), "00".repeat(47)].concat();
    refused(commitment, &order_3, "subgroup");
    refused(opening, commitment, "pairing");
    assert_complains(&verify(vector, commitment, opening, "1"), 1, "rule \"pairing\"");
}

#[test]
fn unusable_flags_are_one_line_and_exit_2() {
    let statement = "00".repeat(32);
    let attempt = |args: &[&str]| lode_miner(&[&["attempt"], args].concat());
    assert_complains(
        &attempt(&["--statement", &statement[1..], "--nonce", "0"]),
        2,
        "expected 64 hex digits, got 63",
    );
    assert_complains(
        &attempt(&["--statement", &"zz".repeat(32), "--nonce", "0"]),
        2,
        "hex digits only",
    );
    assert_complains(&attempt(&["--statement", &statement, "--nonce", "-1"]), 2, "-1");
    assert_complains(
        &attempt(&["--statement", &statement, "--nonce", "18446744073709551616"]),
        2,
        "--nonce",
    );
    for (log_n, text) in [
        ("1", "between 2 and 15"),
        ("16", "got 16"),
        ("256", "from 2 to 15"),
        ("x", "from 2 to 15"),
    ] {
        let outcome = attempt(&["--statement", &statement, "--nonce", "0", "--log-n", log_n]);
        assert_complains(&outcome, 2, text);
    }
    assert_complains(
        &attempt(&["--statement", &statement, "--nonce", "0", "--engine", "abacus"]),
        2,
        "reference",
    );
    assert_complains(&attempt(&["--nonce", "0"]), 2, "--statement");
    assert_complains(&attempt(&["--statement", &statement]), 2, "--nonce");
    let verify = [
        "verify",
        "--statement",
        &statement,
        "--nonce",
        "0",
        "--commitment",
        "xy",
        "--opening",
        "",
    ];
    assert_complains(&lode_miner(&verify), 2, "hex digits only");
    assert_complains(&lode_miner(&["dig"]), 2, "dig");
    assert_complains(&lode_miner(&[]), 2, "--help");
}

#[test]
fn help_teaches() {
    for command in [&[][..], &["attempt"], &["verify"], &["mine"], &["bench"]] {
        let outcome = lode_miner(&[command, &["--help"]].concat());
        assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
        assert!(outcome.stdout.contains("Examples:") && outcome.stdout.contains("Exit codes:"));
    }
    assert!(lode_miner(&["--version"]).stdout.starts_with("lode-miner "));
}
