//! A report as Markdown for people: the tables in docs/performance.md.

use crate::{
    Contender, Operation,
    goals::GOALS,
    limit,
    report::{CaseReport, Machine, OURS, Ratio, Report},
    rounds::Spread,
};
use std::fmt::{self, Write};

/// Where the tables begin in a page.
const BEGIN: &str = "<!-- tables: written by `./x bench --record` -->";
/// Where they end.
const END: &str = "<!-- end of tables -->";

impl Report {
    /// Everything, as Markdown.
    pub fn to_markdown(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut text);
        text
    }

    /// A page with the tables between its two marks, whatever stood there; `None` if it lacks a
    /// mark.
    pub fn put_into(&self, page: &str) -> Option<String> {
        let (before, rest) = page.split_once(BEGIN)?;
        let (_, after) = rest.split_once(END)?;
        Some(format!("{before}{BEGIN}\n\n{}\n{END}{after}", self.to_markdown()))
    }

    fn case(&self, operation: Operation, log_n: u32, threads: usize) -> Option<&CaseReport> {
        self.cases.iter().find(|case| {
            case.operation == operation && case.log_n == log_n && case.threads == threads
        })
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        let Machine { processor, cores, date, commit, rustc, build, command } = &self.machine;
        let others = self.cases.iter().map(|case| case.others_share).fold(0.0, f64::max);
        writeln!(
            out,
            "`{command}` on {date}, commit `{commit}`: {processor}, {cores} cores; {rustc}, \
             `{build}`."
        )?;
        writeln!(
            out,
            "Other programs took up to {:.0}% of the processors' time during a case.\n",
            100.0 * others
        )?;
        self.write_goals(out)?;
        self.write_limit(out)?;
        Operation::ALL.into_iter().try_for_each(|operation| self.write_operation(out, operation))
    }

    fn write_goals(&self, out: &mut String) -> fmt::Result {
        writeln!(
            out,
            "| n = 2^{} | bound | aim | median | half of the rounds | processor time | |",
            limit::LOG_N
        )?;
        writeln!(out, "| --- | --- | --- | --- | --- | --- | --- |")?;
        for goal in &GOALS {
            let sign = if goal.is_small_good { "≤" } else { "≥" };
            let aim = goal.aim.map_or(String::new(), factor);
            write!(out, "| {} | {sign} {} | {aim} |", goal.what, factor(goal.bound))?;
            match self
                .case(goal.operation, limit::LOG_N, goal.threads)
                .and_then(|case| goal.ratio(case))
            {
                None => writeln!(out, " | | | not measured |")?,
                Some(Ratio { wall: Spread { q1, median, q3 }, cpu, .. }) => {
                    write!(out, " **{}** | {} … {} |", factor(*median), factor(*q1), factor(*q3))?;
                    writeln!(out, " {} | {} |", factor(cpu.median), goal.verdict(*median))?;
                }
            }
        }
        Ok(())
    }

    /// The limit, worked out.
    fn write_limit(&self, out: &mut String) -> fmt::Result {
        for threads in [1, 2] {
            let Some(case) = self.case(Operation::Attempt, limit::LOG_N, threads) else { continue };
            let Some(time) = case.time(Contender::LIMIT) else { continue };
            let (products, per_product) = (limit::PRODUCTS as f64, limit::PER_PRODUCT as f64);
            // The time of an item is that of all threads together.
            let limit_ns = time * threads as f64;
            write!(
                out,
                "\nLimit, {threads} thread{}: {:.1}·10⁶ products × {per_product} `vpmadd52` at \
                 {:.2}·10⁹/s a core = {} an attempt and core",
                if threads == 1 { "" } else { "s" },
                products / 1e6,
                products * per_product / limit_ns,
                duration(limit_ns),
            )?;
            match (case.time(Contender::IFMA), case.ratio(Contender::IFMA, Contender::LIMIT)) {
                (Some(ours), Some(distance)) => {
                    writeln!(
                        out,
                        "; ours takes {}, {} of it.",
                        duration(ours * threads as f64),
                        factor(distance.wall.median)
                    )?;
                }
                _ => writeln!(out, ".")?,
            }
        }
        Ok(())
    }

    fn write_operation(&self, out: &mut String, operation: Operation) -> fmt::Result {
        let cases: Vec<_> = self.cases.iter().filter(|case| case.operation == operation).collect();
        let Some(first) = cases.first() else { return Ok(()) };
        // A contender that only some cases have stands in the last columns.
        let mut names: Vec<&str> = Vec::new();
        for contender in cases.iter().copied().chain([*first]).flat_map(|case| &case.contenders) {
            if contender.name != Contender::LIMIT && !names.contains(&contender.name.as_str()) {
                names.push(&contender.name);
            }
        }
        writeln!(out, "\n### {operation}\n")?;
        writeln!(out, "| n | threads | {} |", names.join(" | "))?;
        writeln!(out, "| --- | --- |{}", " --- |".repeat(names.len()))?;
        for case in cases {
            write!(out, "| 2^{} | {} |", case.log_n, case.threads)?;
            for name in &names {
                let time = case.time(name).map(duration).unwrap_or_default();
                let best = OURS.into_iter().find_map(|ours| case.ratio(name, ours));
                match best {
                    Some(ratio) => write!(out, " {time}, {} |", factor(ratio.wall.median))?,
                    None => write!(out, " {time} |")?,
                }
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

/// Three figures and a sign.
fn factor(factor: f64) -> String {
    format!("{}×", three_figures(factor))
}

/// Three figures and a unit.
fn duration(ns: f64) -> String {
    let (value, unit) = match ns {
        ..1e3 => (ns, "ns"),
        1e3..1e6 => (ns / 1e3, "µs"),
        1e6..1e9 => (ns / 1e6, "ms"),
        _ => (ns / 1e9, "s"),
    };
    format!("{} {unit}", three_figures(value))
}

fn three_figures(value: f64) -> String {
    let decimals = match value {
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}
