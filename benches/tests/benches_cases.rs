//! Every case builds, which compares what its contenders compute, and every contender runs: at
//! sizes that take no time.

use lode_benches::{Crew, Operation, Setup};
use std::sync::Arc;

#[test]
fn contenders_agree_and_run() {
    for log_n in [5, 7] {
        let setup = Setup::new(log_n);
        for threads in [1, 2] {
            let crew = Arc::new(Crew::new(threads));
            for operation in Operation::ALL {
                let mut case = operation.case(&setup, &crew);
                assert_eq!((case.log_n, case.threads), (log_n.into(), threads));
                assert!(case.contenders.len() >= 3, "{operation}: ours and the peers'");
                case.contenders.iter_mut().for_each(|contender| (contender.run)());
            }
        }
    }
}
