//! probe
#[test]
fn zero() {
    let z = lode_consensus::Address([0; 32]);
    println!("{:?} {}", z.check(), z);
    let mut b=[0xff;32]; b[31]=0x12; println!("{:?}", lode_consensus::Address(b).check());
}
