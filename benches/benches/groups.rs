//! Every case as a group of criterion's: one contender after the other. `--quick` takes n = 2^13
//! alone, a word those operations whose names contain it.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lode_benches::{Crew, Operation, Setup};
use std::{sync::Arc, time::Duration};

/// Few and short: the long cases take seconds, and the figures that count are those of `ratios`.
const SAMPLES: usize = 10;
const WARM_UP: Duration = Duration::from_millis(200);
const MEASUREMENT: Duration = Duration::from_secs(1);

fn groups(criterion: &mut Criterion) {
    // Criterion reads these too; here they save building what it would then pass over.
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let sizes =
        if arguments.iter().any(|argument| argument == "--quick") { 13..=13 } else { 12..=15 };
    let filter = arguments.iter().find(|argument| !argument.starts_with('-')).map(String::as_str);
    let crews = [1, 2].map(|threads| Arc::new(Crew::new(threads)));
    for log_n in sizes {
        let setup = Setup::new(log_n);
        for operation in
            Operation::ALL.into_iter().filter(|operation| operation.is_selected(filter))
        {
            let mut group = criterion.benchmark_group(format!("{operation}, 2^{log_n}"));
            group.sample_size(SAMPLES).warm_up_time(WARM_UP).measurement_time(MEASUREMENT);
            for crew in &crews {
                let threads = crew.threads();
                for mut contender in operation.case(&setup, crew).contenders {
                    group.throughput(Throughput::Elements(contender.items as u64));
                    group.bench_function(
                        format!("{}, threads: {threads}", contender.name),
                        |bencher| {
                            bencher.iter(&mut contender.run);
                        },
                    );
                }
            }
            group.finish();
        }
    }
}

criterion_group!(benches, groups);
criterion_main!(benches);
