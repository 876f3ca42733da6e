//! Where a run was measured.

use crate::report::Machine;
use std::{env, fs, process::Command, thread};

impl Machine {
    /// This machine, this tree, this build.
    pub fn here(command: String) -> Self {
        let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let named = |name| variable(name).map(|value| format!("{name}='{}'", value.trim()));
        let build: Vec<_> =
            ["RUSTFLAGS", "CARGO_PROFILE_BENCH_LTO", "CARGO_PROFILE_BENCH_CODEGEN_UNITS"]
                .into_iter()
                .filter_map(named)
                .collect();
        Self {
            processor: processor(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default()),
            cores: thread::available_parallelism().map_or(1, usize::from),
            date: output("date", &["-u", "+%F"]),
            commit: output("git", &["describe", "--always", "--dirty", "--exclude=*"]),
            rustc: output("rustc", &["--version"]),
            build: if build.is_empty() { "the ordinary build".into() } else { build.join(" ") },
            command,
        }
    }
}

/// The processor's name, family and model out of `/proc/cpuinfo`, or its architecture. Virtual
/// machines give short names.
fn processor(cpuinfo: &str) -> String {
    let field = |name: &str| {
        let fields = cpuinfo.lines().filter_map(|line| line.split_once(':'));
        fields.filter(|(key, _)| key.trim() == name).map(|(_, value)| value.trim()).next()
    };
    match (field("model name"), field("cpu family"), field("model")) {
        (Some(name), Some(family), Some(model)) => {
            format!("{name} (family {family}, model {model})")
        }
        (Some(name), ..) => name.into(),
        _ => env::consts::ARCH.into(),
    }
}

/// The line that a program prints, or a question mark.
fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .ok()
        .filter(|output| output.status.success());
    output.map_or("?".into(), |output| String::from_utf8_lossy(&output.stdout).trim().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_is_named_by_what_the_system_knows() {
        let cpuinfo = "processor\t: 0\ncpu family\t: 26\nmodel\t\t: 2\n\
                       model name\t: A Processor\n\nprocessor\t: 1\n";
        assert_eq!(processor(cpuinfo), "A Processor (family 26, model 2)");
        assert_eq!(processor("model name : B\n"), "B");
        assert_eq!(processor(""), env::consts::ARCH);
    }
}
