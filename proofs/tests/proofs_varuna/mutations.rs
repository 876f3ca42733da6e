//! Keys and proofs that were mutated, of which at least a fifth decode: no wrong verdict, no panic,
//! no more than a mebibyte.
//!
//! The verdicts are known without the code under test. A proof with one byte changed does not hold.
//! A key is parsed if its numbers are in their ranges and snarkVM decodes its points; it accepts
//! the honest proof if its points are the honest key's and its numbers round up to the same powers
//! of two. Some of what decodes is also given to snarkVM directly, and each key that does accept
//! it.
//!
//! 10,000 mutations, 100,000 with `LODE_TEST_LONG=1`. Each is made from a seed of its own,
//! on whatever thread.

use std::{
    ops::AddAssign,
    sync::{Arc, Mutex, PoisonError},
};

use lode_proofs::{Key, KeyError, ProofError, Value, testing::class, varuna::KEY_BYTES};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use snarkvm::{
    curves::{
        AffineCurve, ProjectiveCurve,
        bls12_377::{Fr, G1Affine, G1Projective},
    },
    utilities::{CanonicalDeserialize, CanonicalSerialize, ToBytes},
};

use crate::support::{
    Statement, holds_directly, in_pool, measured, parse, parses_directly, slices,
};

const POINT: usize = 48;
const FIELD: usize = 32;
/// Memory that a call may have at one time.
const MOST_BYTES: usize = 1 << 20;

// --- Where things are ----------------------------------------------------------------------------

/// Offsets of the points and of the field elements in a proof of so many instances.
fn layout(proof: &[u8], instances: usize) -> (Vec<usize>, Vec<usize>) {
    let (mut points, mut fields, mut at) = (Vec::new(), Vec::new(), 16);
    let take = |list: &mut Vec<usize>, at: &mut usize, bytes, number| {
        for _ in 0..number {
            list.push(*at);
            *at += bytes;
        }
    };
    take(&mut points, &mut at, POINT, instances);
    at += 1;
    take(&mut points, &mut at, POINT, 8);
    take(&mut fields, &mut at, FIELD, 4 + 3 * instances + 3);
    at += 8;
    for _ in 0..3 {
        take(&mut points, &mut at, POINT, 1);
        at += 1;
        let is_hiding = proof[at - 1] == 1;
        take(&mut fields, &mut at, FIELD, usize::from(is_hiding));
    }
    assert_eq!(at, proof.len());
    (points, fields)
}

fn numbers(key: &[u8]) -> [u64; 7] {
    std::array::from_fn(|i| u64::from_le_bytes(key[8 * i..][..8].try_into().unwrap()))
}

fn points(key: &[u8]) -> &[u8] {
    &key[56..56 + 12 * POINT]
}

// --- Mutations -----------------------------------------------------------------------------------

/// What proofs and keys are spliced from.
struct Parts {
    statements: Vec<Statement>,
    /// Of the statements' class.
    key: Arc<dyn Key>,
    /// For each statement, proofs of the same length: of the same with other randomness, of another
    /// binding, of other instances.
    others: Vec<Vec<Vec<u8>>>,
    /// Points of the subgroup, compressed.
    points: Vec<[u8; POINT]>,
}

impl Parts {
    fn new() -> Self {
        let class = class(2, 0);
        let (mut statements, mut others) = (Vec::new(), Vec::new());
        for instances in [1, 2] {
            let statement = Statement::new(class, [1; 32], 0..instances);
            others.push(vec![
                class.prove_again(&statement.binding, &slices(&statement.instances), 1),
                class.prove(&[2; 32], &slices(&statement.instances)),
                Statement::new(class, [1; 32], 7..7 + instances).proof,
            ]);
            statements.push(statement);
        }
        let generator = G1Affine::prime_subgroup_generator().to_projective();
        let mut points = vec![compressed(&G1Affine::default()), compressed(&generator.to_affine())];
        points.extend(
            (2..12_u64).map(|i| compressed(&(generator * Fr::from(i * i * i)).to_affine())),
        );
        let key = crate::mutations::points(&statements[0].key);
        points.extend(key.as_chunks::<POINT>().0);
        for (statement, others) in statements.iter().zip(&others) {
            for proof in others.iter().chain([&statement.proof]) {
                points.extend(
                    layout(proof, statement.instances.len())
                        .0
                        .iter()
                        .map(|at| point_at(proof, *at)),
                );
            }
        }
        Self { key: parse(class.key()).unwrap(), statements, others, points }
    }
}

fn point_at(bytes: &[u8], at: usize) -> [u8; POINT] {
    bytes[at..at + POINT].try_into().unwrap()
}

fn compressed(point: &G1Affine) -> [u8; POINT] {
    let mut bytes = [0; POINT];
    point.serialize_compressed(&mut bytes[..]).unwrap();
    bytes
}

fn pick<'a, T>(rng: &mut StdRng, list: &'a [T]) -> &'a T {
    &list[rng.random_range(0..list.len())]
}

/// Changes without regard to what the bytes mean.
fn scramble(bytes: &mut Vec<u8>, rng: &mut StdRng) {
    let at = rng.random_range(0..bytes.len());
    match rng.random_range(0..7_u32) {
        0 => bytes.truncate(at),
        1 => {
            for _ in 0..rng.random_range(1..8) {
                let at = rng.random_range(0..bytes.len());
                bytes[at] = rng.random();
            }
        }
        2 => bytes[at] ^= 1 << rng.random_range(0..8_u32),
        3 => bytes[at % 64] = rng.random(),
        4 => {
            let at = at.min(bytes.len() - 8);
            let number =
                *pick(rng, &[0, 1, 2, 11, 13, 1 << 16, 1 << 20, 1 << 40, 1 << 63, u64::MAX]);
            bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
        }
        5 => {
            let tail: Vec<u8> = (0..rng.random_range(1..200)).map(|_| rng.random()).collect();
            bytes.splice(at..at, tail);
        }
        // Of the same length: a stretch moved elsewhere.
        _ => {
            let length = rng.random_range(1..=bytes.len() - at);
            let to = rng.random_range(0..=bytes.len() - length);
            bytes.copy_within(at..at + length, to);
        }
    }
}

/// Another point for one, of the subgroup.
fn change_point(bytes: &mut [u8], places: &[usize], parts: &Parts, rng: &mut StdRng) {
    let (at, other) = (*pick(rng, places), *pick(rng, places));
    let old: [u8; POINT] = point_at(bytes, at);
    let new = match rng.random_range(0..4_u32) {
        0 => *pick(rng, &parts.points),
        1 => {
            let point = G1Affine::deserialize_compressed(&old[..]).unwrap();
            compressed(&-point)
        }
        2 => {
            let mut point: G1Projective =
                G1Affine::deserialize_compressed(&old[..]).unwrap().to_projective();
            point.add_assign(
                G1Affine::deserialize_compressed(&pick(rng, &parts.points)[..])
                    .unwrap()
                    .to_projective(),
            );
            compressed(&point.to_affine())
        }
        _ => {
            let swapped = point_at(bytes, other);
            bytes[other..other + POINT].copy_from_slice(&old);
            swapped
        }
    };
    bytes[at..at + POINT].copy_from_slice(&new);
}

/// Another field element for one, canonical.
fn change_field(bytes: &mut [u8], places: &[usize], rng: &mut StdRng) {
    let (at, other) = (*pick(rng, places), *pick(rng, places));
    let new = match rng.random_range(0..4_u32) {
        0 => Fr::from(rng.random::<u64>()),
        1 => Fr::from(rng.random_range(0..3_u64)),
        2 => -Fr::from(rng.random_range(1..3_u64)),
        _ => return (0..FIELD).for_each(|i| bytes.swap(at + i, other + i)),
    };
    bytes[at..at + FIELD].copy_from_slice(&new.to_bytes_le().unwrap());
}

/// A proof that decodes and is not the statement's.
fn decodable_proof(parts: &Parts, which: usize, rng: &mut StdRng) -> Vec<u8> {
    let statement = &parts.statements[which];
    let mut bytes = statement.proof.clone();
    let (points, fields) = layout(&bytes, statement.instances.len());
    match rng.random_range(0..8_u32) {
        0..3 => change_point(&mut bytes, &points, parts, rng),
        3..5 => change_field(&mut bytes, &fields, rng),
        5 => {
            for _ in 0..rng.random_range(2..5) {
                change_point(&mut bytes, &points, parts, rng);
                change_field(&mut bytes, &fields, rng);
            }
        }
        // Some points, some field elements or a head of another proof.
        6 => {
            let other = pick(rng, &parts.others[which]);
            let (places, length) = if rng.random() { (&points, POINT) } else { (&fields, FIELD) };
            let (from, number) =
                (rng.random_range(0..places.len()), rng.random_range(1..places.len()));
            for at in places.iter().skip(from).take(number) {
                bytes[*at..*at + length].copy_from_slice(&other[*at..*at + length]);
            }
        }
        _ => {
            let other = pick(rng, &parts.others[which]);
            let end = *pick(rng, &[&points[1..], &fields].concat());
            bytes[..end].copy_from_slice(&other[..end]);
        }
    }
    bytes
}

/// A key with points of the subgroup and numbers within the limits.
fn decodable_key(parts: &Parts, rng: &mut StdRng) -> Vec<u8> {
    let mut bytes = parts.statements[0].key.clone();
    let places: Vec<usize> = (0..12).map(|i| 56 + POINT * i).collect();
    let kind = rng.random_range(0..5_u32);
    if kind < 2 {
        change_point(&mut bytes, &places, parts, rng);
    }
    if kind > 0 {
        let i = rng.random_range(0..6);
        let honest = numbers(&bytes)[i];
        let most = [64, 1 << 16, 1 << 16, 1 << 17, 1 << 17, 1 << 17][i];
        let number = match rng.random_range(0..3_u32) {
            // Mostly of the same power of two.
            0 => rng.random_range(honest.next_power_of_two() / 2 + 1..=honest.next_power_of_two()),
            1 => rng.random_range(2..=most),
            _ => 1 << rng.random_range(1..=most.ilog2()),
        };
        bytes[8 * i..][..8].copy_from_slice(&number.to_le_bytes());
    }
    if kind == 4 {
        rng.fill(&mut bytes[KEY_BYTES - 32..]);
    }
    bytes
}

// --- Verdicts ------------------------------------------------------------------------------------

#[derive(Debug, Default)]
struct Seen {
    mutations: usize,
    /// Those that went as far as the equations.
    decoded: usize,
    /// Mutated keys that accept the honest proof.
    equal: usize,
    most_bytes: usize,
    wrong: Vec<String>,
}

impl AddAssign for Seen {
    fn add_assign(&mut self, other: Self) {
        self.mutations += other.mutations;
        self.decoded += other.decoded;
        self.equal += other.equal;
        self.most_bytes = self.most_bytes.max(other.most_bytes);
        self.wrong.extend(other.wrong);
    }
}

impl Seen {
    fn check(&mut self, is_right: bool, say: impl FnOnce() -> String) {
        if !is_right {
            self.wrong.push(say());
        }
    }

    fn measure<T>(&mut self, call: impl FnOnce() -> T) -> T {
        let (result, bytes) = measured(call);
        self.most_bytes = self.most_bytes.max(bytes);
        result
    }
}

/// Of so many proofs, and of so many keys, one is made so that it decodes. Of the other keys one in
/// twenty-five does, and of the other proofs one in eight: many of their bytes are field elements.
const DECODABLE_PROOFS: u64 = 6;
const DECODABLE_KEYS: u64 = 5;

fn try_proof(parts: &Parts, index: u64, seen: &mut Seen) {
    let mut rng = StdRng::seed_from_u64(index);
    let which = usize::from(index % 5 == 4);
    let is_decodable = index.is_multiple_of(DECODABLE_PROOFS);
    let statement = &parts.statements[which];
    let mut bytes = statement.proof.clone();
    while bytes == statement.proof {
        if is_decodable {
            bytes = decodable_proof(parts, which, &mut rng);
        } else {
            scramble(&mut bytes, &mut rng);
        }
    }
    let instances = slices(&statement.instances);
    let verdict = seen.measure(|| parts.key.verify(&statement.binding, &instances, &bytes));
    let is_decoded = matches!(verdict, Err(ProofError::Refused(_)));
    seen.mutations += 1;
    seen.decoded += usize::from(is_decoded);
    seen.check(verdict.is_err() && !matches!(verdict, Err(ProofError::Panicked(_))), || {
        format!("proof {index}: {verdict:?}")
    });
    seen.check(is_decoded || !is_decodable, || {
        format!("proof {index} does not decode: {verdict:?}")
    });
    // What does not decode could make snarkVM itself panic, or ask for much memory.
    if is_decoded && index % 21 < 2 {
        let is_direct = holds_directly(&statement.key, &statement.binding, &instances, &bytes);
        seen.check(!is_direct, || format!("proof {index} holds for snarkVM"));
    }
}

fn try_key(parts: &Parts, index: u64, seen: &mut Seen) {
    let mut rng = StdRng::seed_from_u64(!index);
    let statement = &parts.statements[0];
    let mut bytes = statement.key.clone();
    while bytes == statement.key {
        if index.is_multiple_of(DECODABLE_KEYS) {
            bytes = decodable_key(parts, &mut rng);
        } else {
            scramble(&mut bytes, &mut rng);
        }
    }
    let limits = [1..=64, 2..=65_536, 2..=65_536, 2..=131_072, 2..=131_072, 2..=131_072, 12..=12];
    let is_key = bytes.len() == 664
        && numbers(&bytes).iter().zip(limits).all(|(number, range)| range.contains(number))
        && parses_directly(&bytes);
    let key = seen.measure(|| parse(&bytes));
    seen.mutations += 1;
    seen.check(key.is_ok() == is_key, || format!("key {index}: {key:?}"));
    seen.check(!matches!(key, Err(KeyError::Panicked(_))), || format!("key {index}: {key:?}"));
    let Ok(key) = key else { return };
    seen.decoded += 1;

    // As many values as it says: the honest ones, cut off or with zeros behind them.
    let mut values: Vec<Value> = statement.instances[0].clone();
    let honest = values.len();
    values.resize(key.values(), [0; 32]);
    // The last of the honest values is the zero that pads.
    let is_same_statement = key.values() + 1 >= honest;
    let powers = |key: &[u8]| numbers(key).map(u64::next_power_of_two);
    let is_equal = is_same_statement
        && points(&bytes) == points(&statement.key)
        && powers(&bytes) == powers(&statement.key);
    let verdict = seen.measure(|| key.verify(&statement.binding, &[&values], &statement.proof));
    seen.equal += usize::from(verdict.is_ok());
    seen.check(verdict.is_ok() == is_equal, || format!("key {index}: {verdict:?}"));
    seen.check(!matches!(verdict, Err(ProofError::Panicked(_))), || {
        format!("key {index}: {verdict:?}")
    });
    if is_equal || index.is_multiple_of(3) {
        let is_direct = holds_directly(&bytes, &statement.binding, &[&values], &statement.proof);
        seen.check(is_direct == is_equal, || format!("key {index}: snarkVM says {is_direct}"));
    }
}

/// Tries all indices on as many threads as there are processors, each in a rayon pool of its own.
fn try_all(number: u64, attempt: impl Fn(&Parts, u64, &mut Seen) + Sync) -> Seen {
    let parts = Parts::new();
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let total = Mutex::new(Seen::default());
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (parts, attempt, total) = (&parts, &attempt, &total);
            scope.spawn(move || {
                let seen = in_pool(1, || {
                    let mut seen = Seen::default();
                    for index in (thread..number).step_by(threads as usize) {
                        attempt(parts, index, &mut seen);
                    }
                    seen
                });
                *total.lock().unwrap_or_else(PoisonError::into_inner) += seen;
            });
        }
    });
    total.into_inner().unwrap()
}

fn times() -> u64 {
    if std::env::var_os("LODE_TEST_LONG").is_some() { 10 } else { 1 }
}

fn judge(what: &str, seen: &Seen) {
    let Seen { mutations, decoded, equal, most_bytes, wrong } = seen;
    println!(
        "{mutations} mutated {what}, {decoded} decoded, {equal} as the honest one, at most \
         {most_bytes} bytes"
    );
    assert!(
        wrong.is_empty(),
        "{} wrong, the first: {:#?}",
        wrong.len(),
        &wrong[..wrong.len().min(5)]
    );
    assert!(5 * decoded >= *mutations, "{decoded} of {mutations} decoded");
    assert!(*most_bytes <= MOST_BYTES, "{most_bytes} bytes");
}

#[test]
fn no_mutated_proof_holds() {
    let seen = try_all(8_000 * times(), try_proof);
    judge("proofs", &seen);
    assert_eq!(seen.equal, 0);
}

#[test]
fn mutated_keys_accept_what_their_bytes_say() {
    let seen = try_all(2_000 * times(), try_key);
    judge("keys", &seen);
    // Some differ only in what snarkVM does not look at.
    assert!(seen.equal > 0);
}
