//! Cases of single kernels.

use crate::{
    Contender, Crew, PerThread, Setup,
    data::{TABLE_BYTES, strings},
    peers::{arkworks, snarkvm},
};
use lode_algebra::{Backend, Domain, FixedBase, Fq, Fr, multiply_fq};
use std::{hint::black_box, sync::Arc};

/// Products one after the other: what is loaded once is multiplied often.
const PRODUCTS: usize = 64;

/// The back ends that stand in the tables, with their contenders' names: the portable one only
/// where there is no other.
pub(crate) fn backends() -> impl Iterator<Item = (Backend, &'static str)> {
    let is_shown =
        |backend: &Backend| *backend != Backend::Portable || Backend::best() == Backend::Portable;
    Backend::available().filter(is_shown).map(|backend| (backend, Contender::ours(backend)))
}

/// `x[i] ← x[i]·y[i]`, in groups of eight that are multiplied again and again.
fn multiply<T: Copy + std::ops::MulAssign>(x: &mut [T], y: &[T]) {
    for (x, y) in x.chunks_mut(8).zip(y.chunks(8)) {
        for _ in 0..PRODUCTS {
            x.iter_mut().zip(y).for_each(|(x, y)| *x *= *y);
        }
    }
    black_box(x);
}

pub(crate) fn fq_mul(setup: &Setup, crew: &Arc<Crew>) -> Vec<Contender> {
    let (x, y) = (strings("x", setup.n()), strings("y", setup.n()));
    let items = crew.threads() * setup.n() * PRODUCTS;
    let mut results = Vec::new();
    let mut contenders = Vec::new();

    let both =
        |of: fn(&[u8; 64]) -> Fq| -> [Vec<Fq>; 2] { [&x, &y].map(|s| s.iter().map(of).collect()) };
    let [ours_x, ours_y] = both(|string| Fq::from_bytes_mod_order(string));
    for (backend, name) in backends() {
        let (crew, y) = (crew.clone(), ours_y.clone());
        let mut product = ours_x.clone();
        multiply_fq(backend, &mut product, &y, PRODUCTS);
        results.push(product.iter().flat_map(fq_bytes).collect::<Vec<u8>>());
        let factors = PerThread::new(&crew, || ours_x.clone());
        contenders.push(Contender::new(name, items, move || {
            crew.each(|thread| {
                multiply_fq(backend, black_box(&mut factors.of(thread)), &y, PRODUCTS)
            });
        }));
    }
    {
        let [x, y] = [&x, &y].map(|s| s.iter().map(snarkvm::fq).collect::<Vec<_>>());
        let mut product = x.clone();
        multiply(&mut product, &y);
        results.push(product.iter().flat_map(snarkvm::fq_bytes).collect());
        let (crew, factors) = (crew.clone(), PerThread::new(crew, || x.clone()));
        contenders.push(Contender::new(Contender::SNARKVM, items, move || {
            crew.each(|thread| multiply(&mut factors.of(thread), &y));
        }));
    }
    {
        let [x, y] = [&x, &y].map(|s| s.iter().map(arkworks::fq).collect::<Vec<_>>());
        let mut product = x.clone();
        multiply(&mut product, &y);
        results.push(product.iter().flat_map(arkworks::fq_bytes).collect());
        let (crew, factors) = (crew.clone(), PerThread::new(crew, || x.clone()));
        contenders.push(Contender::new(Contender::ARKWORKS, items, move || {
            crew.each(|thread| multiply(&mut factors.of(thread), &y));
        }));
    }
    assert_equal(&results, &contenders);
    contenders
}

pub(crate) fn msm(setup: &Setup, crew: &Arc<Crew>) -> Vec<Contender> {
    let strings = strings("scalar", setup.n());
    let mut results = Vec::new();
    let mut contenders = Vec::new();

    let scalars: Vec<Fr> = strings.iter().map(|string| Fr::from_bytes_mod_order(string)).collect();
    for (backend, name) in backends() {
        let table =
            FixedBase::new(backend, &setup.bases, TABLE_BYTES).expect("the powers make a table");
        let scratches = PerThread::new(crew, || table.scratch());
        results.push(table.multiply(&mut scratches.of(0), &scalars).map(|sum| sum.to_bytes()));
        let (crew, scalars) = (crew.clone(), scalars.clone());
        contenders.push(Contender::new(name, crew.threads(), move || {
            crew.each(|thread| {
                black_box(table.multiply(&mut scratches.of(thread), black_box(&scalars)));
            });
        }));
    }
    {
        let (srs, scalars) =
            (setup.srs.clone(), strings.iter().map(snarkvm::fr_integer).collect::<Vec<_>>());
        results.push(crew.together(|| snarkvm::point_bytes(&snarkvm::msm(srs.powers(), &scalars))));
        let crew = crew.clone();
        contenders.push(Contender::new(Contender::SNARKVM, 1, move || {
            black_box(crew.together(|| snarkvm::msm(srs.powers(), black_box(&scalars))));
        }));
    }
    {
        let bases = arkworks::points(&setup.bases);
        let scalars: Vec<_> = strings.iter().map(arkworks::fr_integer).collect();
        results.push(crew.together(|| arkworks::point_bytes(&arkworks::msm(&bases, &scalars))));
        let crew = crew.clone();
        contenders.push(Contender::new(Contender::ARKWORKS, 1, move || {
            let _ = black_box(crew.together(|| arkworks::msm(&bases, black_box(&scalars))));
        }));
    }
    assert_equal(&results, &contenders);
    contenders
}

pub(crate) fn ntt(setup: &Setup, crew: &Arc<Crew>) -> Vec<Contender> {
    let strings = strings("coefficient", setup.n());
    let mut results = Vec::new();
    let mut contenders = Vec::new();

    let coefficients: Vec<Fr> =
        strings.iter().map(|string| Fr::from_bytes_mod_order(string)).collect();
    for (backend, name) in backends() {
        let domain = Domain::new(backend, setup.log_n()).expect("a size of the puzzle");
        let mut values = coefficients.clone();
        domain.forward(&mut domain.workspace(), &mut values);
        results.push(values.iter().flat_map(fr_bytes).collect::<Vec<u8>>());
        let memory = PerThread::new(crew, || (domain.workspace(), coefficients.clone()));
        let crew = crew.clone();
        contenders.push(Contender::new(name, crew.threads(), move || {
            crew.each(|thread| {
                let (workspace, elements) = &mut *memory.of(thread);
                domain.forward(workspace, black_box(elements));
            });
        }));
    }
    {
        let transform = snarkvm::Transform::new(setup.n());
        let coefficients: Vec<_> = strings.iter().map(snarkvm::fr).collect();
        results.push(
            crew.together(|| transform.forward(&coefficients))
                .iter()
                .flat_map(snarkvm::fr_bytes)
                .collect(),
        );
        let crew = crew.clone();
        contenders.push(Contender::new(Contender::SNARKVM, 1, move || {
            black_box(crew.together(|| transform.forward(black_box(&coefficients))));
        }));
    }
    {
        let transform = arkworks::Transform::new(setup.n());
        let mut elements: Vec<_> = strings.iter().map(arkworks::fr).collect();
        crew.together(|| transform.forward(&mut elements));
        results.push(elements.iter().flat_map(arkworks::fr_bytes).collect());
        let crew = crew.clone();
        contenders.push(Contender::new(Contender::ARKWORKS, 1, move || {
            crew.together(|| transform.forward(black_box(&mut elements)));
        }));
    }
    assert_equal(&results, &contenders);
    contenders
}

fn fq_bytes(x: &Fq) -> [u8; 48] {
    let mut bytes = [0; 48];
    x.write_bytes(&mut bytes);
    bytes
}

fn fr_bytes(x: &Fr) -> [u8; 32] {
    let mut bytes = [0; 32];
    x.write_bytes(&mut bytes);
    bytes
}

/// Results stand in the order of their contenders.
///
/// # Panics
/// If one differs from the last.
pub(crate) fn assert_equal<T: PartialEq>(results: &[T], contenders: &[Contender]) {
    assert_eq!(results.len(), contenders.len(), "every contender has a result");
    for (result, contender) in results.iter().zip(contenders) {
        assert!(Some(result) == results.last(), "{} computes something else", contender.name);
    }
}
