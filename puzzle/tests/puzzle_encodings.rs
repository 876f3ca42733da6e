//! Points as bytes, beside snarkVM and arkworks: the puzzle's 96 bytes are x ‖ y and nothing else,
//! which is what each of the two libraries writes for some points and not for others.

use ark_ec::AffineRepr;
use ark_ff::{AdditiveGroup, PrimeField as _};
use ark_serialize::CanonicalSerialize as _;
use lode_puzzle::point;
use snarkvm::{
    curves::{
        AffineCurve, ProjectiveCurve,
        bls12_377::{G1Affine, G1Projective},
    },
    fields::Zero as _,
    utilities::{CanonicalSerialize as _, ToBytes},
};

/// The bit that arkworks sets in the last byte of a y that is the larger root.
const LARGER_ROOT: u8 = 1 << 7;
const INFINITY: u8 = 1 << 6;
/// snarkVM's generator, which is [1] of the setup.
const OURS: &str = "66db6f1030f91f0f1824381daad6321c43739c828b3d8d69f75711a97a2d524c\
     3d54201c61a85ca1b3835901b6a294005544174a577f297c4f1018f44b0c699f\
     cc3f507eb61d2ff6c894853e9bc7b94ee8909b51c3f4150d695e79495f280600";
/// arkworks' generator: its y is the larger root. The book has these bytes
/// (docs/src/protocol/puzzle.md).
const THEIRS: &str = "efe91bb26eb1b9ea4e39cdff121548d55ccb37bdc8828218bb419daa2c1e9585\
     54ff87bf2562fcc8670a74fede488800a68e9c5555de82fd1a59a934363dfec2\
     0523b84fd42a186dd9523eca48b37fbdc4eeaf305d4f671fff2e10c5694a9101";

fn arkworks(point: &G1Affine) -> ark_bls12_377::G1Affine {
    let bytes = point::encode(point).unwrap();
    let coordinate = |bytes: &[u8]| ark_bls12_377::Fq::from_le_bytes_mod_order(bytes);
    ark_bls12_377::G1Affine::new(coordinate(&bytes[..48]), coordinate(&bytes[48..]))
}

fn uncompressed_by_arkworks(point: &ark_bls12_377::G1Affine) -> Vec<u8> {
    let mut bytes = Vec::new();
    point.serialize_uncompressed(&mut bytes).unwrap();
    bytes
}

fn uncompressed_by_snarkvm(point: &G1Affine) -> Vec<u8> {
    let mut bytes = Vec::new();
    point.serialize_uncompressed(&mut bytes).unwrap();
    bytes
}

/// The first multiples of the generator, and whether y is the larger root: y > -y.
fn points() -> Vec<(G1Affine, bool)> {
    let generator = G1Projective::prime_subgroup_generator();
    let multiples = std::iter::successors(Some(generator), |point| Some(*point + generator));
    let points: Vec<_> = multiples
        .take(16)
        .map(|point| point.to_affine())
        .map(|point| (point, point.y > -point.y))
        .collect();
    assert!(
        points.iter().any(|(_, is_large)| *is_large)
            && points.iter().any(|(_, is_large)| !is_large)
    );
    points
}

#[test]
fn the_three_agree_while_y_is_the_smaller_root() {
    for (point, is_large) in points() {
        let ours = point::encode(&point).unwrap();
        assert_eq!(uncompressed_by_snarkvm(&point), ours);
        let mut theirs = uncompressed_by_arkworks(&arkworks(&point));
        assert_eq!(theirs[95] & LARGER_ROOT != 0, is_large);
        assert_eq!(
            point::decode(&theirs.clone().try_into().unwrap()).is_some(),
            !is_large,
            "a flag makes y no coordinate"
        );
        theirs[95] &= !LARGER_ROOT;
        assert_eq!(theirs, ours);
    }
}

#[test]
fn compressed_points_are_equal_and_bytes_with_infinity_are_none_of_ours() {
    for (point, _) in points() {
        let (mut snarkvm, mut arkworks_bytes) = (Vec::new(), Vec::new());
        point.serialize_compressed(&mut snarkvm).unwrap();
        arkworks(&point).serialize_compressed(&mut arkworks_bytes).unwrap();
        assert_eq!((snarkvm.len(), &snarkvm), (48, &arkworks_bytes));
        // x ‖ y ‖ whether it is infinity.
        let bytes = point.to_bytes_le().unwrap();
        assert_eq!(
            (bytes.len(), &bytes[..96], bytes[96]),
            (97, &point::encode(&point).unwrap()[..], 0)
        );
    }
}

#[test]
fn infinity_has_as_many_encodings_as_libraries_and_none_of_ours() {
    let (snarkvm, arkworks) = (G1Affine::zero(), ark_bls12_377::G1Affine::identity());
    assert_eq!(point::encode(&snarkvm), None);
    let encodings = [uncompressed_by_snarkvm(&snarkvm), uncompressed_by_arkworks(&arkworks)];
    assert_ne!(encodings[0], encodings[1]);
    for bytes in encodings {
        assert_eq!(bytes[95] & INFINITY, INFINITY);
        assert_eq!(point::decode(&bytes.try_into().unwrap()), None);
    }
    assert_eq!(ark_bls12_377::Fq::ZERO, arkworks.y().unwrap_or_default());
}

#[test]
fn the_generators_are_different_points() {
    let ours = G1Affine::prime_subgroup_generator();
    let encoded = point::encode(&ours).unwrap();
    assert_eq!(hex::encode(encoded), OURS);
    let theirs = ark_bls12_377::G1Affine::generator();
    assert_ne!(arkworks(&ours), theirs);
    // `OURS` has the smaller root, so that arkworks encodes it alike; in `THEIRS` arkworks sets one
    // more bit.
    assert_eq!(uncompressed_by_arkworks(&arkworks(&ours)), encoded);
    let mut expected = hex::decode(THEIRS).unwrap();
    let read = point::decode(expected.as_slice().try_into().unwrap()).unwrap();
    assert_eq!(arkworks(&read), theirs);
    expected[95] |= LARGER_ROOT;
    assert_eq!(uncompressed_by_arkworks(&theirs), expected);
}
