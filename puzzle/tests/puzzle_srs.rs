//! A setup is refused unless its points are consecutive powers of one scalar.

mod common;

use common::{SMALL, plus, torsion_points};
use lode_puzzle::{Srs, SrsError};
use snarkvm::{
    curves::{
        AffineCurve, ProjectiveCurve,
        bls12_377::{Fq, Fq2, Fr, G1Affine, G2Affine},
    },
    fields::{One, Zero},
};

fn setup() -> (Vec<G1Affine>, G2Affine) {
    (SMALL.srs.powers().to_vec(), *SMALL.srs.tau_g2())
}

#[test]
fn the_true_setup_is_accepted() {
    let (powers, tau_g2) = setup();
    let srs = Srs::new(powers.clone(), tau_g2).unwrap();
    assert_eq!((srs.powers(), srs.tau_g2()), (&powers[..], &tau_g2));
    assert_eq!(srs.log_n().log_n(), 4);
    assert!(Srs::new(powers[..4].to_vec(), tau_g2).is_ok());
}

#[test]
fn the_number_of_powers_must_be_a_supported_power_of_two() {
    let (powers, tau_g2) = setup();
    for got in [0, 1, 2, 3, 5, 12, 15] {
        assert_eq!(Srs::new(powers[..got].to_vec(), tau_g2).unwrap_err(), SrsError::Length { got });
    }
    let too_many = vec![powers[0]; 1 << 16];
    assert_eq!(Srs::new(too_many, tau_g2).unwrap_err(), SrsError::Length { got: 1 << 16 });
}

#[test]
fn every_power_must_be_a_point() {
    let (powers, tau_g2) = setup();
    for index in [0, 7, 15] {
        let off = G1Affine::new(powers[index].x, powers[index].y + Fq::one(), false);
        for bad in [off, G1Affine::zero()] {
            let mut powers = powers.clone();
            powers[index] = bad;
            assert_eq!(Srs::new(powers, tau_g2).unwrap_err(), SrsError::NotOnCurve { index });
        }
    }
}

#[test]
fn the_powers_must_start_at_the_generator() {
    let (powers, tau_g2) = setup();
    let doubled = powers.iter().map(|power| power.to_projective().double().to_affine()).collect();
    assert_eq!(Srs::new(doubled, tau_g2).unwrap_err(), SrsError::Generator);
}

#[test]
fn the_point_of_g2_must_be_in_the_prime_order_subgroup() {
    let (powers, tau_g2) = setup();
    let off = G2Affine::new(tau_g2.x, tau_g2.y + Fq2::one(), false);
    let outside = (1u64..)
        .filter_map(|x| G2Affine::from_x_coordinate(Fq2::new(Fq::from(x), Fq::one()), true))
        .find(|point| !point.is_in_correct_subgroup_assuming_on_curve())
        .unwrap();
    assert!(outside.is_on_curve());
    for bad in [off, outside, G2Affine::zero()] {
        assert_eq!(Srs::new(powers.clone(), bad).unwrap_err(), SrsError::TauG2);
    }
}

#[test]
fn the_powers_must_be_consecutive() {
    let (powers, tau_g2) = setup();
    let refused = |powers, tau_g2| {
        assert_eq!(Srs::new(powers, tau_g2).unwrap_err(), SrsError::NotConsecutive)
    };
    for index in 1..16 {
        let mut shifted = powers.clone();
        shifted[index] = common::decode(&plus(&common::encode(powers[index]), &powers[0]));
        refused(shifted, tau_g2);
        let mut with_torsion = powers.clone();
        with_torsion[index] =
            common::decode(&plus(&common::encode(powers[index]), &torsion_points()[0]));
        refused(with_torsion, tau_g2);
    }
    let mut swapped = powers.clone();
    swapped.swap(8, 9);
    refused(swapped, tau_g2);
    let other_tau = (tau_g2 * Fr::from(2u64)).to_affine();
    refused(powers, other_tau);
}
