//! Products of pairings against snarkVM's, on every back end.

use lode_algebra::{Affine, Backend, Fq, G2, PairingProduct};
use snarkvm::{
    curves::{
        AffineCurve, PairingCurve, PairingEngine, ProjectiveCurve,
        bls12_377::{
            self as reference, Bls12_377, Fq12, Fr, G1Affine, G1Projective, G2Affine, G2Projective,
        },
    },
    fields::{Field, One, Zero},
    prelude::Uniform,
    utilities::{TestRng, ToBytes},
};

fn element(x: &reference::Fq) -> Fq {
    Fq::from_bytes(&x.to_bytes_le().unwrap()).unwrap()
}

fn point(p: &G1Affine) -> Option<Affine> {
    (!p.is_zero()).then(|| Affine { x: element(&p.x), y: element(&p.y) })
}

fn g2(p: &G2Affine) -> G2 {
    G2 { x: [element(&p.x.c0), element(&p.x.c1)], y: [element(&p.y.c0), element(&p.y.c1)] }
}

/// By powers of w: c0 holds the even ones, c1 the odd ones, each w⁶ = u in the second half.
fn coefficients(f: &Fq12) -> [Fq; 12] {
    let halves = [[f.c0.c0, f.c1.c0], [f.c0.c1, f.c1.c1], [f.c0.c2, f.c1.c2]].concat();
    std::array::from_fn(|p| if p < 6 { element(&halves[p].c0) } else { element(&halves[p - 6].c1) })
}

/// Both sides of the product, as computed by snarkVM and by every back end.
struct Pairings {
    points: [G2Affine; 2],
    ours: Vec<(Backend, PairingProduct)>,
}

impl Pairings {
    fn new(points: [G2Affine; 2]) -> Self {
        let prepare =
            |backend| (backend, PairingProduct::new(backend, &points.map(|p| g2(&p))).unwrap());
        Self { points, ours: Backend::available().map(prepare).collect() }
    }

    fn check(&self, points: [G1Affine; 2]) -> bool {
        let prepared = [0, 1].map(|i| (points[i].prepare(), self.points[i].prepare()));
        let miller = Bls12_377::miller_loop(prepared.iter().map(|(p, q)| (p, q)));
        let expected = Bls12_377::final_exponentiation(&miller).unwrap();
        for (backend, ours) in &self.ours {
            assert_eq!(
                ours.compute(points.map(|p| point(&p))),
                coefficients(&expected),
                "{backend}"
            );
            assert_eq!(ours.is_one(points.map(|p| point(&p))), expected.is_one(), "{backend}");
        }
        expected.is_one()
    }
}

fn random_g1(rng: &mut TestRng) -> G1Affine {
    G1Projective::rand(rng).to_affine()
}

fn random_g2(rng: &mut TestRng) -> G2Affine {
    G2Projective::rand(rng).to_affine()
}

#[test]
fn agrees_with_snarkvm_on_random_points() {
    let rng = &mut TestRng::default();
    for _ in 0..20 {
        let pairings = Pairings::new([random_g2(rng), random_g2(rng)]);
        for _ in 0..4 {
            assert!(!pairings.check([random_g1(rng), random_g1(rng)]));
        }
    }
}

#[test]
fn agrees_with_snarkvm_at_infinity_and_on_equal_and_opposite_points() {
    let rng = &mut TestRng::default();
    let (p, q, infinity) = (random_g1(rng), random_g2(rng), G1Affine::zero());
    let other = Pairings::new([q, random_g2(rng)]);
    assert!(other.check([infinity, infinity]));
    for points in [[p, infinity], [infinity, p], [p, p], [p, -p]] {
        assert!(!other.check(points));
    }
    let same = Pairings::new([q, q]);
    assert!(same.check([p, -p]));
    assert!(!same.check([p, p]));
    let opposite = Pairings::new([q, -q]);
    assert!(opposite.check([p, p]));
    assert!(!opposite.check([p, -p]));
}

/// e(a·P, b·Q)·e(c·P, d·Q) = 1 exactly where ab + cd = 0, for scalars small, large and random.
#[test]
fn is_bilinear() {
    let rng = &mut TestRng::default();
    let minus_one = -Fr::one();
    let edges = [
        Fr::one(),
        minus_one,
        Fr::from(2u64),
        minus_one - Fr::one(),
        Fr::from(u64::MAX),
        Fr::rand(rng),
    ];
    let (p, q) = (G1Affine::prime_subgroup_generator(), G2Affine::prime_subgroup_generator());
    let p_times = |k: Fr| (p.to_projective() * k).to_affine();
    let q_times = |k: Fr| (q.to_projective() * k).to_affine();
    for b in edges {
        for d in edges {
            let pairings = Pairings::new([q_times(b), q_times(d)]);
            let a = Fr::rand(rng);
            let c = -a * b * d.inverse().unwrap();
            assert!(pairings.check([p_times(a), p_times(c)]));
            assert!(!pairings.check([p_times(a), p_times(c + Fr::one())]));
            assert!(!pairings.check([p_times(a), p_times(-c)]));
        }
    }
}

/// Multiples of the generator by small numbers, and by those around r.
#[test]
fn agrees_with_snarkvm_on_small_multiples() {
    let (p, q) = (G1Affine::prime_subgroup_generator(), G2Affine::prime_subgroup_generator());
    let pairings = Pairings::new([q, (q.to_projective().double()).to_affine()]);
    for a in 0..6u64 {
        for b in 0..6u64 {
            let times = |k: u64, negative: bool| {
                let multiple = (p.to_projective() * Fr::from(k)).to_affine();
                if negative { -multiple } else { multiple }
            };
            let holds = pairings.check([times(a, false), times(b, true)]);
            assert_eq!(holds, a == 2 * b, "{a}, {b}");
        }
    }
}

#[test]
fn points_of_small_order_are_refused() {
    // (0, y) with y² = 1/u would have order 3; y = 0 stands for order 2.
    let q = g2(&G2Affine::prime_subgroup_generator());
    for backend in Backend::available() {
        assert!(PairingProduct::new(backend, &[q, G2 { y: [Fq::ZERO; 2], ..q }]).is_none());
        assert!(PairingProduct::new(backend, &[G2 { y: [Fq::ZERO; 2], ..q }, q]).is_none());
    }
}
