//! Hashes, text forms and targets.

use ethnum::U256;
use lode_puzzle::{HexError, Proof, Seed, Statement, Target, TargetError, Ticket};
use proptest::prelude::*;

#[test]
fn work_and_difficulty_are_the_quotients_worked_out_by_hand() {
    let cases = [
        // (target, work, difficulty)
        (1, U256::ONE << 191, 1 << 127),
        (2, (U256::ONE << 192) / U256::new(3), 113427455640312821154458202477256070485),
        (3, U256::ONE << 190, 1 << 126),
        ((1 << 100) - 1, U256::ONE << 92, 1 << 28),
        (1 << 100, (U256::ONE << 92) - U256::ONE, (1 << 28) - 1),
        (u128::MAX - 1, (U256::ONE << 64), 1),
        (u128::MAX, U256::ONE << 64, 1),
    ];
    for (target, work, difficulty) in cases {
        let target = Target::new(target).unwrap();
        assert_eq!(target.work(), work, "work of {target}");
        assert_eq!(target.difficulty(), difficulty, "difficulty of {target}");
    }
}

#[test]
fn a_value_meets_a_target_up_to_and_including_it() {
    for target in [1, 5, 1 << 100, u128::MAX - 1] {
        let bound = Target::new(target).unwrap();
        assert!(bound.is_met_by(0) && bound.is_met_by(target) && !bound.is_met_by(target + 1));
        assert_eq!(bound.get(), target);
    }
    assert!(Target::MAX.is_met_by(u128::MAX));
    assert_eq!(Target::new(0), None);
}

#[test]
fn targets_are_decimal_numbers() {
    assert_eq!("1".parse(), Ok(Target::MIN));
    assert_eq!("340282366920938463463374607431768211455".parse(), Ok(Target::MAX));
    assert_eq!(Target::MAX.to_string(), "340282366920938463463374607431768211455");
    for text in ["0", "", "-1", "340282366920938463463374607431768211456", "0x10", "1.5"] {
        assert_eq!(text.parse::<Target>(), Err(TargetError), "{text}");
    }
}

#[test]
fn identifiers_are_64_hex_digits() {
    let text = "6a17f2bffa7f58d4f4e771319af9d4abcbb394d152b1287fa45a78c61fae1300";
    let statement: Statement = text.parse().unwrap();
    assert_eq!(statement.to_string(), text);
    assert_eq!(text.to_uppercase().parse(), Ok(statement));
    assert_eq!(format!("{statement:?}"), format!("Statement({text})"));
    for (wrong, error) in [
        (&text[1..], HexError::Length { got: 63 }),
        (&text[2..], HexError::Length { got: 62 }),
        (&format!("{text}00"), HexError::Length { got: 66 }),
        (&text.replace('6', "g"), HexError::Digit),
        (&text.replace("6a", "é"), HexError::Digit),
        ("", HexError::Length { got: 0 }),
    ] {
        assert_eq!(wrong.parse::<Statement>(), Err(error), "{wrong}");
    }
}

#[test]
fn a_tickets_halves_are_disjoint_and_little_endian() {
    let mut bytes = [0; 32];
    bytes[0] = 1;
    bytes[15] = 2;
    bytes[16] = 3;
    bytes[31] = 4;
    let ticket = Ticket(bytes);
    assert_eq!(ticket.block_value(), 1 + (2 << 120));
    assert_eq!(ticket.share_value(), 3 + (4 << 120));
}

#[test]
fn the_hashes_are_domain_separated_over_their_parts_in_order() {
    // Made with Python's hashlib.blake2b(digest_size=32) from the specification's words.
    let part = |byte| [byte; 32];
    let statement = Statement::new(&part(1), &part(2), &part(3), &part(4), &part(5));
    assert_eq!(
        statement.to_string(),
        "c8eb8791d38dd7e3f8183293b765f979d54b4f386a305499ab2ca958bab9456a"
    );
    let seed = Seed::new(&statement, 0x0102030405060708);
    assert_eq!(
        seed.to_string(),
        "c8db1e51477e856b481fecf1817bca17120e535a1d190e840b26e6b4ef5a14d5"
    );
    let proof = Proof { commitment: [6; 96], opening: [7; 96] };
    assert_eq!(
        Ticket::new(&seed, &proof).to_string(),
        "a7ad63fba959a0a86a37923f21c28657d9184c26cb2c9109ea544182ed77c126"
    );
    assert_eq!(Proof::ZERO.to_bytes(), [0; 192]);
}

proptest! {
    #[test]
    fn a_smaller_target_is_never_less_work(a in 1u128.., b in 1u128..) {
        let (low, high) = (Target::new(a.min(b)).unwrap(), Target::new(a.max(b)).unwrap());
        prop_assert!(low.work() >= high.work());
        prop_assert!(low.difficulty() >= high.difficulty());
        prop_assert!(high.work() >= U256::ONE << 64);
        // The quotient is the floor: work·(T + 1) ≤ 2^192 < (work + 1)·(T + 1).
        let divisor = U256::from(a) + U256::ONE;
        let work = Target::new(a).unwrap().work();
        prop_assert!(
            work * divisor <= U256::ONE << 192 && U256::ONE << 192 < (work + U256::ONE) * divisor
        );
    }
}
