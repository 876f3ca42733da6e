//! The tables: that they say what was measured, and that those in the documentation are of the
//! figures beside them.

use lode_benches::{
    Case, Contender, Operation,
    report::{CaseReport, Machine, Report},
    rounds::{Samples, Time},
};
use std::{fs, path::Path};

fn case(operation: Operation, threads: usize, times_ns: &[(&'static str, &[f64])]) -> CaseReport {
    let contenders = times_ns
        .iter()
        .map(|(name, _)| Contender { name, items: 1, run: Box::new(|| {}) })
        .collect();
    let times =
        |times: &[f64]| times.iter().map(|time| Time { wall_ns: *time, cpu_ns: 2.0 }).collect();
    let samples = Samples {
        times: times_ns.iter().map(|(_, wall_ns)| times(wall_ns)).collect(),
        others_share: 0.25,
    };
    CaseReport::new(&Case { operation, log_n: 13, threads, contenders }, &samples)
}

fn report(cases: Vec<CaseReport>) -> Report {
    let machine = Machine {
        processor: "a processor".into(),
        cores: 2,
        date: "2026-11-22".into(),
        commit: "abc".into(),
        rustc: "rustc".into(),
        build: "flags".into(),
        command: "./x bench".into(),
    };
    Report { machine, cases }
}

/// The line of the table of goals that begins so.
fn goal(text: &str, what: &str) -> String {
    text.lines()
        .find(|line| line.starts_with(&format!("| {what}")))
        .expect("the goal stands in the table")
        .into()
}

#[test]
fn goals_are_judged_by_the_median_of_the_ratios() {
    let ntt = |snarkvm: &[f64], arkworks: &[f64]| {
        let times = [
            (Contender::IFMA, &[2.0, 4.0, 2.0][..]),
            (Contender::SNARKVM, snarkvm),
            (Contender::ARKWORKS, arkworks),
        ];
        report(vec![case(Operation::Ntt, 1, &times)]).to_markdown()
    };
    let text = ntt(&[12.0, 24.0, 20.0], &[5.0, 11.9, 5.9]);
    assert!(
        goal(&text, "NTT, 1 thread, against snarkVM")
            .ends_with("| **6.00×** | 6.00× … 8.00× | 1.00× | reaches the aim |")
    );
    assert!(
        goal(&text, "NTT, 1 thread, against arkworks")
            .ends_with("| **2.95×** | 2.73× … 2.96× | 1.00× | **missed** |")
    );
    assert!(goal(&text, "verify, single").ends_with("not measured |"));
    let text = ntt(&[6.0, 12.0, 6.0], &[12.0, 23.9, 11.9]);
    assert!(
        goal(&text, "NTT, 1 thread, against snarkVM")
            .ends_with("| **3.00×** | 3.00× … 3.00× | 1.00× | holds |")
    );
}

#[test]
fn distances_are_good_when_small_and_the_better_peer_counts() {
    let one = [
        (Contender::IFMA, &[15e6][..]),
        (Contender::REFERENCE, &[108e6]),
        (Contender::KZG10, &[100e6]),
        (Contender::LIMIT, &[10e6]),
    ];
    let two = [
        (Contender::IFMA, &[8e6][..]),
        (Contender::SCALAR, &[20e6]),
        (Contender::REFERENCE, &[160e6]),
        (Contender::REFERENCE_EACH, &[140e6]),
        (Contender::LIMIT, &[6e6]),
    ];
    let text = report(vec![case(Operation::Attempt, 1, &one), case(Operation::Attempt, 2, &two)])
        .to_markdown();
    assert!(goal(&text, "attempts/s").contains("**17.5×**"), "{text}");
    assert!(goal(&text, "the same with IFMA masked").ends_with("reaches the aim |"), "{text}");
    let distance = goal(&text, "distance");
    assert!(distance.contains("**1.50×**") && distance.ends_with("| holds |"), "{text}");
    assert!(
        goal(&text, "reference engine").ends_with("| **1.08×** | 1.08× … 1.08× | 1.00× | holds |"),
        "{text}"
    );
    // 2.1·10⁶·33 instructions in 10 ms.
    assert!(
        text.contains(
            "at 6.93·10⁹/s a core = 10.0 ms an attempt and core; ours takes 15.0 ms, 1.50× of it."
        ),
        "{text}"
    );
    // And in 2·6 ms, since two cores share an item's time.
    assert!(
        text.contains(
            "at 5.78·10⁹/s a core = 12.0 ms an attempt and core; ours takes 16.0 ms, 1.33× of it."
        ),
        "{text}"
    );
    assert!(
        text.contains("| 2^13 | 2 | 8.00 ms | 160 ms, 20.0× |  | 20.0 ms | 140 ms, 17.5× |"),
        "{text}"
    );
}

#[test]
fn tables_replace_what_stands_between_the_marks() {
    let report = report(vec![case(Operation::Ntt, 1, &[(Contender::IFMA, &[1.0])])]);
    let page = "before\n<!-- tables: written by `./x bench --record` -->\nold\n\
                <!-- end of tables -->\nafter\n";
    let new = report.put_into(page).expect("the page has both marks");
    assert!(
        new.starts_with("before\n")
            && new.ends_with("after\n")
            && new.contains(&report.to_markdown())
    );
    assert!(!new.contains("old"));
    assert_eq!(report.put_into(&new).as_ref(), Some(&new), "a second time changes nothing");
    assert_eq!(report.put_into("no marks"), None);
}

#[test]
fn the_documentation_shows_the_recorded_figures() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let read = |name| fs::read_to_string(docs.join(name)).expect("the file is part of the tree");
    let report: Report =
        serde_json::from_str(&read("performance.json")).expect("what --record wrote");
    let page = read("performance.md");
    let expected = report.put_into(&page).expect("the page has both marks");
    for (line, expected) in page.lines().zip(expected.lines()) {
        assert_eq!(line, expected, "`./x bench --record` writes the tables");
    }
    assert_eq!(page.lines().count(), expected.lines().count());
}
