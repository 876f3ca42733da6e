//! The catalogue of forged proofs: each is refused, with the error of the rule that it breaks.

mod common;

use common::{
    MAINNET, Rig, SMALL, STATEMENT, decode, encode, forge, plus, quotient, torsion_points, vectors,
};
use lode_puzzle::{Claim, Half, Part, Proof, Seed, Statement, Target, VerifyError};
use snarkvm::{
    algorithms::fft::DensePolynomial,
    curves::{
        AffineCurve,
        bls12_377::{Fq, Fr, G1Affine},
    },
    fields::{One, PrimeField, Zero},
    utilities::BigInteger,
};

const POINTS: [Part; 2] = [Part::Commitment, Part::Opening];

fn verify(rig: &Rig, proof: &Proof) -> Result<(), VerifyError> {
    rig.verdict(&STATEMENT, 0, proof, Claim::None).map(|_| ())
}

/// The honest proof, with one of its points changed.
fn with(part: Part, change: impl FnOnce(&[u8; 96]) -> [u8; 96]) -> Proof {
    let mut proof = SMALL.proof(&STATEMENT, 0);
    match part {
        Part::Commitment => proof.commitment = change(&proof.commitment),
        Part::Opening => proof.opening = change(&proof.opening),
        Part::Proof => unreachable!(),
    }
    proof
}

/// `coordinate + q`, which still fits into 48 bytes.
fn plus_modulus(coordinate: &[u8]) -> [u8; 48] {
    let mut carry = 0u16;
    let modulus = Fq::modulus().0.map(u64::to_le_bytes).concat();
    std::array::from_fn(|i| {
        carry += u16::from(coordinate[i]) + u16::from(modulus[i]);
        let byte = (carry & 0xff) as u8;
        carry >>= 8;
        byte
    })
}

#[test]
fn the_honest_proof_holds() {
    assert_eq!(verify(&SMALL, &SMALL.proof(&STATEMENT, 0)), Ok(()));
}

#[test]
fn a_missing_or_trailing_byte_breaks_the_length() {
    let bytes = SMALL.proof(&STATEMENT, 0).to_bytes();
    assert_eq!(Proof::from_bytes(&bytes).unwrap().to_bytes(), bytes);
    for wrong in [&bytes[..191], &[&bytes[..], &[0]].concat(), &[]] {
        let expected = VerifyError::Length { part: Part::Proof, expected: 192, got: wrong.len() };
        assert_eq!(Proof::from_bytes(wrong), Err(expected));
        assert_eq!(expected.rule(), "length");
    }
    // The lengths of the two parts are 192 together, and still wrong.
    let error = |part, got| Err(VerifyError::Length { part, expected: 96, got });
    assert_eq!(Proof::from_parts(&bytes[..95], &bytes[95..]), error(Part::Commitment, 95));
    assert_eq!(Proof::from_parts(&bytes[..97], &bytes[97..]), error(Part::Commitment, 97));
    assert_eq!(Proof::from_parts(&bytes[..96], &bytes[97..]), error(Part::Opening, 95));
}

#[test]
fn a_claimed_ticket_must_meet_its_target() {
    let proof = SMALL.proof(&STATEMENT, 0);
    let ticket = SMALL.verdict(&STATEMENT, 0, &proof, Claim::None).unwrap();
    assert_ne!(ticket.block_value(), ticket.share_value());
    for (half, value) in [(Half::Block, ticket.block_value()), (Half::Share, ticket.share_value())]
    {
        let claim = |target| match half {
            Half::Block => Claim::Block(target),
            Half::Share => Claim::Share(target),
        };
        let met = Target::new(value).unwrap();
        assert_eq!(SMALL.verdict(&STATEMENT, 0, &proof, claim(met)), Ok(ticket));
        let target = Target::new(value - 1).unwrap();
        let missed = VerifyError::TargetMissed { half, target, value };
        assert_eq!(SMALL.verdict(&STATEMENT, 0, &proof, claim(target)), Err(missed));
        assert_eq!(missed.rule(), "target");
    }
}

#[test]
fn the_target_is_checked_before_the_points() {
    let claim = Claim::Block(Target::MIN);
    let error = SMALL.verdict(&STATEMENT, 0, &Proof::ZERO, claim).unwrap_err();
    assert!(
        matches!(error, VerifyError::TargetMissed { half: Half::Block, target: Target::MIN, .. }),
        "{error}"
    );
}

#[test]
fn coordinates_must_be_below_the_field_order() {
    for which in POINTS {
        let x_plus_q = with(which, |bytes| {
            [&plus_modulus(&bytes[..48]), &bytes[48..]].concat().try_into().unwrap()
        });
        let y_plus_q = with(which, |bytes| {
            [&bytes[..48], &plus_modulus(&bytes[48..])].concat().try_into().unwrap()
        });
        let all_ones = with(which, |_| [0xff; 96]);
        for forged in [x_plus_q, y_plus_q, all_ones] {
            assert_eq!(verify(&SMALL, &forged), Err(VerifyError::CoordinateRange { which }));
        }
    }
}

#[test]
fn the_cheaper_rule_is_checked_first_on_both_points() {
    let honest = SMALL.proof(&STATEMENT, 0);
    let out_of_range = [0xff; 96];
    let off_curve = [0; 96];
    let outside = plus(&honest.commitment, &torsion_points()[0]);
    let forge = |commitment, opening| verify(&SMALL, &Proof { commitment, opening });
    let which = Part::Opening;
    assert_eq!(forge(off_curve, out_of_range), Err(VerifyError::CoordinateRange { which }));
    assert_eq!(forge(outside, off_curve), Err(VerifyError::NotOnCurve { which }));
    assert_eq!(
        forge(encode(-decode(&honest.commitment)), outside),
        Err(VerifyError::NotInSubgroup { which })
    );
}

#[test]
fn every_spare_bit_of_a_coordinate_is_checked() {
    // q has 377 bits: bits 377 to 383 of either coordinate are where other encodings keep flags.
    for which in POINTS {
        for (byte, bit) in [47, 95].into_iter().flat_map(|byte| (1..8).map(move |bit| (byte, bit)))
        {
            let forged = with(which, |bytes| {
                let mut bytes = *bytes;
                bytes[byte] ^= 1 << bit;
                bytes
            });
            assert_eq!(
                verify(&SMALL, &forged),
                Err(VerifyError::CoordinateRange { which }),
                "byte {byte}, bit {bit}"
            );
        }
    }
}

#[test]
fn points_must_be_on_the_curve() {
    for which in POINTS {
        let off = with(which, |bytes| {
            let point = decode(bytes);
            encode(G1Affine::new(point.x, point.y + Fq::one(), false))
        });
        assert_eq!(verify(&SMALL, &off), Err(VerifyError::NotOnCurve { which }));
        // Infinity as all zeros.
        assert_eq!(
            verify(&SMALL, &with(which, |_| [0; 96])),
            Err(VerifyError::NotOnCurve { which })
        );
    }
    assert_eq!(
        verify(&SMALL, &Proof::ZERO),
        Err(VerifyError::NotOnCurve { which: Part::Commitment })
    );
}

#[test]
fn infinity_as_snarkvm_writes_it_is_a_point_of_order_three() {
    let infinity = G1Affine::zero();
    let bytes = encode(G1Affine::new(infinity.x, infinity.y, false));
    for which in POINTS {
        assert_eq!(
            verify(&SMALL, &with(which, |_| bytes)),
            Err(VerifyError::NotInSubgroup { which })
        );
    }
    assert_eq!(lode_puzzle::point::encode(&infinity), None);
}

#[test]
fn a_torsion_point_redraws_no_ticket() {
    let seed = Seed::new(&STATEMENT, 0);
    let honest = quotient(&seed, SMALL.verifier.log_n());
    for torsion in torsion_points() {
        // Blindly added.
        for which in POINTS {
            let forged = with(which, |bytes| plus(bytes, &torsion));
            assert_eq!(verify(&SMALL, &forged), Err(VerifyError::NotInSubgroup { which }));
        }
        // Added to the commitment, then opened where the changed commitment says: a pairing cannot
        // see the difference.
        let redrawn = forge(&SMALL.srs, &seed, &honest, &torsion);
        assert_eq!(
            verify(&SMALL, &redrawn),
            Err(VerifyError::NotInSubgroup { which: Part::Commitment })
        );
    }
}

#[test]
fn only_the_quotient_of_the_seed_may_be_committed_to() {
    let seed = Seed::new(&STATEMENT, 0);
    let honest = quotient(&seed, SMALL.verifier.log_n());
    let proof = forge(&SMALL.srs, &seed, &honest, &G1Affine::zero());
    assert_eq!(proof, SMALL.proof(&STATEMENT, 0), "the forger's tools make the honest proof");
    // A sound KZG proof of h + 1.
    let other = &honest + &DensePolynomial::from_coefficients_vec(vec![Fr::one()]);
    let forged = forge(&SMALL.srs, &seed, &other, &G1Affine::zero());
    assert_eq!(verify(&SMALL, &forged), Err(VerifyError::PairingFailed));
    // The commitment to h + 1 with openings of h: the error sits in C alone.
    let forged = forge(&SMALL.srs, &seed, &honest, &G1Affine::prime_subgroup_generator());
    assert_eq!(verify(&SMALL, &forged), Err(VerifyError::PairingFailed));
}

#[test]
fn points_of_the_subgroup_that_are_not_the_proofs_fail_the_pairing() {
    let generator = G1Affine::prime_subgroup_generator();
    for which in POINTS {
        let negated = with(which, |bytes| encode(-decode(bytes)));
        let shifted = with(which, |bytes| plus(bytes, &generator));
        for forged in [negated, shifted] {
            assert_eq!(verify(&SMALL, &forged), Err(VerifyError::PairingFailed));
        }
    }
    let Proof { commitment, opening } = SMALL.proof(&STATEMENT, 0);
    let swapped = Proof { commitment: opening, opening: commitment };
    assert_eq!(verify(&SMALL, &swapped), Err(VerifyError::PairingFailed));
}

#[test]
fn a_proof_belongs_to_its_nonce_and_its_statement() {
    let proof = SMALL.proof(&STATEMENT, 0);
    let verify =
        |statement: &Statement, nonce| SMALL.verdict(statement, nonce, &proof, Claim::None);
    assert!(verify(&STATEMENT, 0).is_ok());
    for nonce in [1, 1 << 32, u64::MAX] {
        assert_eq!(verify(&STATEMENT, nonce), Err(VerifyError::PairingFailed));
    }
    // The statement differs in any one of the things that it hashes, the prover last.
    let honest = [[1; 32], [2; 32], [3; 32], [4; 32], [5; 32]];
    let statement = |parts: [[u8; 32]; 5]| {
        Statement::new(&parts[0], &parts[1], &parts[2], &parts[3], &parts[4])
    };
    let proof = SMALL.proof(&statement(honest), 0);
    let verify = |statement| SMALL.verdict(&statement, 0, &proof, Claim::None);
    assert!(verify(statement(honest)).is_ok());
    for part in 0..5 {
        let mut other = honest;
        other[part][31] ^= 1;
        assert_eq!(verify(statement(other)), Err(VerifyError::PairingFailed));
    }
}

#[test]
fn the_vectors_refuse_the_same_forgeries() {
    let vector = &vectors()[0];
    let honest = vector.proof();
    let verify = |proof| MAINNET.verdict(&vector.statement(), vector.nonce, &proof, Claim::None);
    let torsion = torsion_points()[0];
    let refused = [
        (Proof { opening: encode(-decode(&honest.opening)), ..honest }, VerifyError::PairingFailed),
        (
            Proof { commitment: honest.opening, opening: honest.commitment },
            VerifyError::PairingFailed,
        ),
        (
            Proof { opening: plus(&honest.opening, &torsion), ..honest },
            VerifyError::NotInSubgroup { which: Part::Opening },
        ),
    ];
    for (forged, error) in refused {
        assert_eq!(verify(forged), Err(error));
    }
}

#[test]
fn decoding_stops_at_the_field_order() {
    let mut coordinate = Fq::modulus();
    let bytes = |x: &<Fq as PrimeField>::BigInteger| -> [u8; 96] {
        let x = x.0.map(u64::to_le_bytes).concat();
        [x, vec![0; 48]].concat().try_into().unwrap()
    };
    assert_eq!(lode_puzzle::point::decode(&bytes(&coordinate)), None);
    coordinate.sub_noborrow(&1.into());
    assert_eq!(
        lode_puzzle::point::decode(&bytes(&coordinate)),
        Some(G1Affine::new(-Fq::one(), Fq::zero(), false))
    );
}
