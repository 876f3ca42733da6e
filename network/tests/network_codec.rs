//! Messages and their bytes: one encoding each, caps before decoding, no panic and no large
//! allocation on any input.

mod common;

use common::{
    any_gossip, any_kind, any_request, any_response, any_topic, body, noise, sealed_header, share,
    status, transaction,
};
use lode_consensus::{DecodeError, Encode, Hash, SealedHeader, Share};
use lode_network::{
    Gossip, GossipId, MempoolPage, Request, RequestKind, Response, Status, Topic,
    message::{MAX_BODIES, MAX_BODIES_BYTES, MAX_HEADERS, MAX_LOCATOR, MAX_MEMPOOL_PAGE},
};
use proptest::prelude::*;

/// Decodes as everything that it could be; whatever decodes has these bytes and no others.
fn decode_all(bytes: &[u8]) -> usize {
    let mut taken = 0;
    for topic in Topic::ALL {
        if let Ok(message) = Gossip::decode(topic, bytes) {
            assert_eq!(message.encode(), bytes, "{topic:?}");
            assert_eq!(message.topic(), topic);
            taken += 1;
        }
    }
    for kind in RequestKind::ALL {
        if let Ok(request) = Request::decode(kind, bytes) {
            assert_eq!(request.encode(), bytes, "{kind:?}");
            assert_eq!(request.kind(), kind);
            taken += 1;
        }
        if let Ok(response) = Response::decode(kind, bytes) {
            assert_eq!(response.encode(), bytes, "{kind:?}");
            taken += 1;
        }
    }
    taken
}

proptest! {
    #[test]
    fn gossip_goes_around(message in any_gossip()) {
        let bytes = message.encode();
        prop_assert!(bytes.len() <= message.topic().max_bytes());
        prop_assert_eq!(Gossip::decode(message.topic(), &bytes), Ok(message));
    }

    #[test]
    fn requests_go_around(request in any_request()) {
        let bytes = request.encode();
        prop_assert!(bytes.len() <= request.kind().max_request_bytes());
        prop_assert_eq!(Request::decode(request.kind(), &bytes), Ok(request));
    }

    #[test]
    fn responses_go_around((kind, response) in any_response()) {
        let bytes = response.encode();
        prop_assert!(bytes.len() <= kind.max_response_bytes());
        prop_assert_eq!(Response::decode(kind, &bytes), Ok(response));
    }

    #[test]
    fn no_message_is_the_beginning_of_itself(
        (kind, response) in any_response(),
        cut in any::<prop::sample::Index>(),
    ) {
        let bytes = response.encode();
        let cut = cut.index(bytes.len());
        prop_assert!(Response::decode(kind, &bytes[..cut]).is_err());
        let longer = [&bytes[..], &[0]].concat();
        prop_assert!(Response::decode(kind, &longer).is_err());
    }

    #[test]
    fn no_request_is_the_beginning_of_itself(
        request in any_request(),
        cut in any::<prop::sample::Index>(),
    ) {
        let bytes = request.encode();
        let cut = cut.index(bytes.len());
        prop_assert!(Request::decode(request.kind(), &bytes[..cut]).is_err());
        let longer = [&bytes[..], &[0]].concat();
        prop_assert!(Request::decode(request.kind(), &longer).is_err());
    }

    #[test]
    fn a_flipped_bit_decodes_to_something_else_or_not_at_all(
        (kind, response) in any_response(), at in any::<prop::sample::Index>(), bit in 0_u8..8
    ) {
        let mut bytes = response.encode();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Ok(other) = Response::decode(kind, &bytes) {
            prop_assert_ne!(&other, &response);
            prop_assert_eq!(other.encode(), bytes);
        }
    }

    #[test]
    fn ids_tell_topics_and_contents_apart(
        a in any_gossip(),
        b in any_gossip(),
        topic in any_topic(),
    ) {
        let id = |message: &Gossip| GossipId::of(message.topic(), &message.encode());
        prop_assert_eq!(a == b, id(&a) == id(&b));
        if topic != a.topic() {
            prop_assert_ne!(GossipId::of(topic, &a.encode()), id(&a));
        }
    }

    #[test]
    fn a_count_is_refused_before_anything_is_allocated(kind in any_kind(), count in 1_025_u32..) {
        // A list that claims up to 2^32 entries and holds none: refused by its limit or by the
        // bytes that are left.
        let bytes = [&[1][..], &count.to_le_bytes(), &[0; 64]].concat();
        prop_assert!(Response::decode(kind, &bytes).is_err());
        prop_assert!(Request::decode(kind, &bytes[1..]).is_err());
    }
}

#[test]
fn random_bytes_and_mutated_messages_never_panic() {
    let seeds = [
        Gossip::Block(sealed_header(1)).encode(),
        Gossip::Share(share(2)).encode(),
        Gossip::Transaction(transaction(3)).encode(),
        Request::Status(status(4)).encode(),
        Request::Headers { locator: vec![Hash::ZERO; 3], limit: 5 }.encode(),
        Request::Bodies { hashes: vec![Hash::ZERO; 2] }.encode(),
        Response::Headers(vec![sealed_header(6), sealed_header(7)]).encode(),
        Response::Bodies(vec![Some(body(8, 2, 2)), None]).encode(),
        Response::Mempool(MempoolPage {
            shares: vec![share(9)],
            transactions: vec![transaction(10)],
            more: true,
        })
        .encode(),
    ];
    let (rounds, mut taken) =
        if std::env::var_os("LODE_TEST_LONG").is_some() { (2_000_000, 0) } else { (40_000, 0) };
    for round in 0..rounds {
        let dice = noise(round, 24);
        let dice = |at: usize| {
            u32::from_le_bytes([dice[at], dice[at + 1], dice[at + 2], dice[at + 3]]) as usize
        };
        let bytes = if round % 4 == 0 {
            noise(round, dice(0) % 700)
        } else {
            let mut bytes = seeds[dice(0) % seeds.len()].clone();
            match dice(4) % 4 {
                0 => bytes.truncate(dice(8) % (bytes.len() + 1)),
                1 => bytes.extend(noise(round, dice(8) % 300)),
                _ => {
                    for flip in 0..1 + dice(8) % 3 {
                        let at = dice(12 + flip * 3) % bytes.len().min(64);
                        bytes[at] = dice(20) as u8;
                    }
                }
            }
            bytes
        };
        taken += decode_all(&bytes);
    }
    assert!(taken > 0, "some mutations still decode");
}

#[test]
fn every_limit_is_exact() {
    let headers = |count: usize| Response::Headers(vec![sealed_header(1); count]).encode();
    assert!(Response::decode(RequestKind::Headers, &headers(MAX_HEADERS)).is_ok());
    assert!(Response::decode(RequestKind::Headers, &headers(MAX_HEADERS + 1)).is_err());

    let locator = |count: usize, limit: u16| {
        Request::Headers { locator: vec![Hash::ZERO; count], limit }.encode()
    };
    let decode = |bytes: &[u8]| Request::decode(RequestKind::Headers, bytes);
    assert!(decode(&locator(MAX_LOCATOR, MAX_HEADERS as u16)).is_ok());
    assert!(decode(&locator(MAX_LOCATOR + 1, 1)).is_err());
    assert_eq!(decode(&locator(0, 1)), Err(DecodeError::Invalid { what: "locator", got: 0 }));
    assert_eq!(
        decode(&locator(1, 0)),
        Err(DecodeError::Invalid { what: "headers asked for", got: 0 })
    );
    assert_eq!(
        decode(&locator(1, 513)),
        Err(DecodeError::Invalid { what: "headers asked for", got: 513 })
    );

    let hashes = |count: usize| Request::Bodies { hashes: vec![Hash::ZERO; count] }.encode();
    let decode = |bytes: &[u8]| Request::decode(RequestKind::Bodies, bytes);
    assert!(decode(&hashes(MAX_BODIES)).is_ok());
    assert!(decode(&hashes(MAX_BODIES + 1)).is_err());
    assert!(decode(&hashes(0)).is_err());

    let bodies = |count: usize| Response::Bodies(vec![None; count]).encode();
    assert!(Response::decode(RequestKind::Bodies, &bodies(MAX_BODIES)).is_ok());
    assert!(Response::decode(RequestKind::Bodies, &bodies(MAX_BODIES + 1)).is_err());

    let page = |shares: usize, transactions: usize| {
        let page = MempoolPage {
            shares: vec![share(1); shares],
            transactions: vec![transaction(1); transactions],
            more: false,
        };
        Response::Mempool(page).encode()
    };
    let decode = |bytes: &[u8]| Response::decode(RequestKind::Mempool, bytes);
    assert!(decode(&page(MAX_MEMPOOL_PAGE, 0)).is_ok());
    assert!(decode(&page(MAX_MEMPOOL_PAGE - 1, 1)).is_ok());
    assert!(decode(&page(MAX_MEMPOOL_PAGE, 1)).is_err());
    assert!(decode(&page(0, MAX_MEMPOOL_PAGE + 1)).is_err());
}

#[test]
fn what_is_over_its_cap_is_not_even_decoded() {
    for topic in Topic::ALL {
        let got = topic.max_bytes() + 1;
        let refused = Err(DecodeError::TooMany { what: "gossip bytes", limit: got - 1, got });
        assert_eq!(Gossip::decode(topic, &vec![0; got]), refused);
    }
    for kind in RequestKind::ALL {
        let got = kind.max_request_bytes() + 1;
        let refused = Err(DecodeError::TooMany { what: "request bytes", limit: got - 1, got });
        assert_eq!(Request::decode(kind, &vec![1; got]), refused);
        let got = kind.max_response_bytes() + 1;
        let refused = Err(DecodeError::TooMany { what: "response bytes", limit: got - 1, got });
        assert_eq!(Response::decode(kind, &vec![1; got]), refused);
    }
}

#[test]
fn a_page_holds_what_fits_and_says_what_is_left() {
    let (all_shares, transactions): (Vec<_>, Vec<_>) =
        ((0..1_024).map(share).collect(), (0..1_025).map(transaction).collect());
    let page = |shares: usize, transactions_from: usize, count: usize| {
        MempoolPage::first(
            &all_shares[..shares],
            &transactions[transactions_from..transactions_from + count],
        )
    };
    for (shares, from, count, expected) in [
        (0, 0, 0, (0, 0, false)),
        (1_024, 0, 0, (1_024, 0, false)),
        (1_024, 0, 1, (1_024, 0, true)),
        (1_000, 0, 24, (1_000, 24, false)),
        (1_000, 3, 25, (1_000, 24, true)),
        (0, 0, 1_025, (0, 1_024, true)),
    ] {
        let page = page(shares, from, count);
        assert_eq!((page.shares.len(), page.transactions.len(), page.more), expected);
        assert_eq!(page.transactions, transactions[from..from + expected.1]);
        let response = Response::Mempool(page);
        assert_eq!(Response::decode(RequestKind::Mempool, &response.encode()), Ok(response));
    }
}

/// The layout, so that another implementation can be held to it: sizes and the first bytes.
#[test]
fn the_layout_is_pinned() {
    assert_eq!([SealedHeader::BYTES, Share::BYTES, Status::BYTES], [422, 296, 110]);
    assert_eq!(Topic::ALL.map(Topic::max_bytes), [422, 296, 61_440]);
    assert_eq!(RequestKind::ALL.map(RequestKind::max_request_bytes), [110, 2_054, 516, 4]);
    assert_eq!(
        RequestKind::ALL.map(RequestKind::max_response_bytes),
        [111, 216_069, 4_194_309, 303_114]
    );

    let headers = Request::Headers { locator: vec![Hash([7; 32])], limit: 0x0102 }.encode();
    assert_eq!(headers, [&[1, 0, 0, 0][..], &[7; 32], &[2, 1]].concat());
    assert_eq!(Request::Mempool { skip: 0x0102_0304 }.encode(), [4, 3, 2, 1]);
    let status = Request::Status(Status { now_ms: 0x0102_0304_0506_0708, ..status(1) }).encode();
    assert_eq!(
        (status.len(), &status[102..]),
        (110, &[8, 7, 6, 5, 4, 3, 2, 1][..]),
        "the sender's clock comes last"
    );
    assert_eq!(Response::Busy.encode(), [0]);
    assert_eq!(Response::Headers(Vec::new()).encode(), [1, 0, 0, 0, 0]);
    let bodies = Response::Bodies(vec![None, Some(body(0, 0, 0))]).encode();
    assert_eq!(bodies, [1, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    let page = MempoolPage { shares: Vec::new(), transactions: Vec::new(), more: true };
    assert_eq!(Response::Mempool(page).encode(), [1, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
}

#[test]
fn bodies_that_do_not_fit_one_response_are_left_for_the_next() {
    let large = body(1, 2_048, 1_500); // 0.9 MB
    let response = Response::bodies(vec![Some(large.clone()); MAX_BODIES]);
    let Response::Bodies(bodies) = &response else { panic!("{response:?}") };
    assert_eq!(bodies.len(), MAX_BODIES_BYTES / (large.encoded_len() + 1));
    let bytes = response.encode();
    assert!(bytes.len() <= RequestKind::Bodies.max_response_bytes());
    assert_eq!(Response::decode(RequestKind::Bodies, &bytes), Ok(response));
    assert_eq!(Response::bodies(vec![None; 20]), Response::Bodies(vec![None; MAX_BODIES]));
}

#[test]
fn a_response_is_held_to_its_request() {
    let headers = Request::Headers { locator: vec![Hash::ZERO], limit: 2 };
    let answer = |count| Response::Headers(vec![sealed_header(1); count]);
    assert!(headers.is_answered_by(&answer(0)) && headers.is_answered_by(&answer(2)));
    assert!(!headers.is_answered_by(&answer(3)));
    let bodies = Request::Bodies { hashes: vec![Hash::ZERO; 2] };
    let answer = |count| Response::Bodies(vec![None; count]);
    assert!(bodies.is_answered_by(&answer(1)) && bodies.is_answered_by(&answer(2)));
    assert!(!bodies.is_answered_by(&answer(0)) && !bodies.is_answered_by(&answer(3)));
    assert!(bodies.is_answered_by(&Response::Busy));
    assert!(!headers.is_answered_by(&answer(1)));
    assert!(!Request::Mempool { skip: 0 }.is_answered_by(&Response::Status(status(1))));
}
