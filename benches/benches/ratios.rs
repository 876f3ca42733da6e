//! The table of ratios: every case with its contenders in turns.

use clap::Parser;
use lode_benches::{
    Crew, Operation, Setup,
    report::{CaseReport, Machine, Report},
    rounds,
};
use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// Measures our kernels against snarkVM's and arkworks', and prints the ratios.
#[derive(Parser)]
struct Args {
    /// Only n = 2^13, and a quarter of the time.
    #[arg(long)]
    quick: bool,
    /// Only the operations whose names contain this: Fq, MSM, NTT, attempt, verify.
    filter: Option<String>,
    /// Where the figures go.
    #[arg(long)]
    #[arg(default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/bench/performance.json"))]
    json: PathBuf,
    /// Put the figures into docs/performance.json and the tables into docs/performance.md.
    #[arg(long)]
    record: bool,
    /// Take the figures from a file that --json wrote, instead of measuring.
    #[arg(long, value_name = "JSON")]
    from: Option<PathBuf>,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let report = match &args.from {
        Some(path) => serde_json::from_str(&fs::read_to_string(path)?)?,
        None => measure(&args),
    };
    println!("{}", report.to_markdown());
    write(&args.json, &report)?;
    if args.record {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
        let page = docs.join("performance.md");
        let text = report
            .put_into(&fs::read_to_string(&page)?)
            .ok_or("docs/performance.md has no place for tables")?;
        fs::write(page, text)?;
        write(&docs.join("performance.json"), &report)?;
    }
    Ok(())
}

fn measure(Args { quick, filter, .. }: &Args) -> Report {
    let (sizes, budget) =
        if *quick { (13..=13, Duration::from_secs(3)) } else { (12..=15, Duration::from_secs(12)) };
    // First: what is built from another commit meanwhile is not what was measured.
    let machine = Machine::here(if *quick { "./x bench --quick" } else { "./x bench" }.into());
    let crews = [1, 2].map(|threads| Arc::new(Crew::new(threads)));
    let mut cases = Vec::new();
    for operation in
        Operation::ALL.into_iter().filter(|operation| operation.is_selected(filter.as_deref()))
    {
        for log_n in sizes.clone() {
            let setup = Setup::new(log_n);
            for crew in &crews {
                let mut case = operation.case(&setup, crew);
                let samples = rounds::measure(&mut case, budget);
                let report = CaseReport::new(&case, &samples);
                eprintln!(
                    "{operation}, 2^{log_n}, threads: {}, rounds: {}",
                    case.threads, report.rounds
                );
                cases.push(report);
            }
        }
    }
    Report { machine, cases }
}

fn write(path: &Path, report: &Report) -> Result<(), Box<dyn Error>> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, serde_json::to_string(report)? + "\n")?;
    eprintln!("written: {}", path.display());
    Ok(())
}
