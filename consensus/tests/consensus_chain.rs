//! Properties of whole chains: the supply adds up through maturities and epochs, refused
//! transactions leave nothing behind, and the fork choice follows work.

use std::collections::BTreeMap;

use lode_consensus::{
    Account, Action, Address, Body, ChainSpec, ChainWork, Decode, Encode, Height, StateKey,
    Transaction,
    market::ProvingPool,
    params::{MAX_ALLOCATIONS, MAX_NAME_BYTES},
    reward,
    state::{Amount, Pending, Supply},
    transaction::Transfer,
    transition::Executor,
};
use lode_puzzle::{LogSize, Target};
use lode_testkit::{
    chain::{Chain, account, params, unsigned},
    networks::START_MS,
    oracle::Told,
    state::State,
};
use proptest::{collection::vec, prelude::*};

/// A transfer that may break any rule of the state. Accounts are given by number, the nonce by how
/// far it is off.
#[derive(Debug, Clone)]
struct Wish {
    from: usize,
    to: usize,
    amount: u64,
    fee: u64,
    nonce_off: u64,
    expiry_off: i8,
}

fn wish() -> impl Strategy<Value = Wish> {
    let amount = prop_oneof![6 => 0..200_000_u64, 1 => 0..30_000_000_u64, 1 => any::<u64>()];
    let fee = prop_oneof![6 => 0..1_000_u64, 1 => any::<u64>()];
    let nonce_off = prop_oneof![8 => Just(0), 1 => 1..3_u64, 1 => any::<u64>()];
    let expiry_off = prop_oneof![8 => 0..3_i8, 1 => -2..0_i8];
    (0..5_usize, 0..5_usize, amount, fee, nonce_off, expiry_off).prop_map(
        |(from, to, amount, fee, nonce_off, expiry_off)| Wish {
            from,
            to,
            amount,
            fee,
            nonce_off,
            expiry_off,
        },
    )
}

/// What a block shall hold: its maker, the time it takes, its transfers, and the provers of its
/// shares.
#[derive(Debug, Clone)]
struct Plan {
    producer: usize,
    solve_time_ms: u64,
    wishes: Vec<Wish>,
    provers: Vec<usize>,
}

fn plan() -> impl Strategy<Value = Plan> {
    (0..5_usize, 1..4_000_u64, vec(wish(), 0..5), vec(0..5_usize, 0..=4)).prop_map(
        |(producer, solve_time_ms, wishes, provers)| Plan {
            producer,
            solve_time_ms,
            wishes,
            provers,
        },
    )
}

/// Balances and nonces, moved by the rules in their plainest form.
#[derive(Debug, Clone, Default, PartialEq)]
struct Model(BTreeMap<Address, (u64, u64)>);

impl Model {
    fn of(state: &State) -> Self {
        let accounts = state.leaves.iter().filter_map(|(key, leaf)| match key {
            StateKey::Account(address) => Some((*address, Account::decode(leaf).unwrap())),
            _ => None,
        });
        Self(
            accounts
                .map(|(address, account)| (address, (account.balance, account.nonce)))
                .collect(),
        )
    }

    /// Whether the transfer is valid; if it is, it is done.
    fn apply(&mut self, transaction: &Transaction, height: Height) -> bool {
        let Transaction { from, fee, nonce, expiry, action: Action::Transfer(transfer) } =
            transaction
        else {
            panic!("the plans have transfers alone");
        };
        let (balance, count) = self.0.get(from).copied().unwrap_or_default();
        let cost = u128::from(transfer.amount) + u128::from(*fee);
        let valid = transfer.amount > 0
            && *expiry >= height
            && *nonce == count
            && cost <= u128::from(balance);
        if valid {
            self.0.insert(*from, (balance - cost as u64, count + 1));
            self.0.entry(transfer.to).or_default().0 += transfer.amount;
        }
        valid
    }
}

/// The supply as the leaves have it.
fn held(state: &State) -> Supply {
    let mut supply = Supply {
        genesis: state.supply.genesis,
        emitted: state.supply.emitted,
        ..Supply::default()
    };
    for (key, leaf) in &state.leaves {
        match key {
            StateKey::Account(_) => supply.balances += Account::decode(leaf).unwrap().balance,
            StateKey::Pending(_) => {
                let credits = Pending::decode(leaf).unwrap().0;
                assert!(
                    credits.is_sorted_by(|a, b| a.address < b.address),
                    "sorted, each address once"
                );
                assert!(!credits.is_empty() && credits.iter().all(|credit| credit.amount > 0));
                supply.pending += credits.iter().map(|credit| credit.amount).sum::<u64>();
            }
            StateKey::ShareFund => supply.share_fund += Amount::decode(leaf).unwrap().0,
            StateKey::ProvingPool(_) => {
                supply.proving_pools += ProvingPool::decode(leaf).unwrap().left
            }
            StateKey::Weight(_) | StateKey::WeightSum => {}
            key => panic!("no market in these plans: {key:?}"),
        }
    }
    supply
}

/// Makes one block as planned, as a template does: what an executor refuses is left out.
fn extend(chain: &mut Chain, plan: &Plan) -> Result<(), TestCaseError> {
    let (context, height) = (chain.context(), chain.tip() + 1);
    let mut executor = Executor::new(&chain.params, &context, chain.state(), &Told).unwrap();
    let mut model = Model::of(chain.state());
    if let Some(leaf) = height
        .checked_sub(chain.params.maturity)
        .and_then(|h| chain.state().leaves.get(&StateKey::Pending(h)))
    {
        for credit in Pending::decode(leaf).unwrap().0 {
            model.0.entry(credit.address).or_default().0 += credit.amount;
        }
    }

    let mut accepted = Vec::new();
    for wish in &plan.wishes {
        let from = account(wish.from);
        let (_, count) = model.0.get(&from).copied().unwrap_or_default();
        let transfer = Transaction {
            from,
            fee: wish.fee,
            nonce: count.wrapping_add(wish.nonce_off),
            expiry: height.saturating_add_signed(wish.expiry_off.into()),
            action: Action::Transfer(Transfer { to: account(wish.to), amount: wish.amount }),
        };
        let verdict = executor.transaction(&transfer, transfer.id(&chain.genesis_hash())).unwrap();
        prop_assert_eq!(
            verdict.is_ok(),
            model.apply(&transfer, height),
            "{:?}: {:?}",
            transfer,
            verdict
        );
        if verdict.is_ok() {
            accepted.push(unsigned(transfer));
        }
    }

    // As many shares as the fund can pay.
    let pay = lode_consensus::reward::share_pay(height, context.target, context.first_target, 2);
    let affordable = (chain.state().share_fund() + 30_000_000) / pay.max(1);
    let provers: Vec<Address> =
        plan.provers.iter().take(affordable as usize).map(|prover| account(*prover)).collect();
    let shares = provers
        .iter()
        .zip(0..)
        .map(|(prover, label)| chain.share(*prover, chain.tip(), label))
        .collect();
    let fees: u64 = accepted.iter().map(|signed| signed.transaction.fee).sum();

    let mut block = chain.block(Body::default());
    block.body = Body { transactions: accepted, shares };
    block.header.producer = account(plan.producer);
    block.header.timestamp_ms =
        chain.blocks[height as usize - 1].header.timestamp_ms + plan.solve_time_ms;

    // The executor that met refused transactions comes to the same result as the block, which never
    // saw them.
    let finished = executor.finish(account(plan.producer), &provers).unwrap();
    let applied = chain.push_unsigned(chain.seal(block));
    prop_assert_eq!(&finished, &applied);
    prop_assert_eq!((applied.fees, applied.share_pay), (fees, pay));
    prop_assert_eq!(Model::of(chain.state()), model);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_supply_adds_up(plans in vec(plan(), 17)) {
        let mut chain = Chain::new(params());
        for plan in &plans {
            extend(&mut chain, plan)?;
            let state = chain.state();
            prop_assert_eq!(state.supply.check(), Ok(()));
            prop_assert_eq!(state.supply, held(state));
        }
        // Nothing left but what the last blocks mined, and no pool of an epoch that has not begun.
        let waiting = |key: &StateKey| match key {
            StateKey::Pending(height) => Some(*height),
            _ => None,
        };
        prop_assert!(chain.state().leaves.keys().filter_map(waiting).eq(14..=17));
        prop_assert!(chain.state().leaves.contains_key(&StateKey::ProvingPool(3)));
        prop_assert!(!chain.state().leaves.contains_key(&StateKey::ProvingPool(4)));
    }
}

// --- Fork choice ---------------------------------------------------------------------------------

/// The work at the end of a chain of blocks with these targets.
fn work(targets: &[u128]) -> ChainWork {
    targets.iter().fold(ChainWork::ZERO, |work, target| work.after(Target::new(*target).unwrap()))
}

#[test]
fn work_sums_up_from_genesis() {
    // floor(2^192 / 2^128) = 2^64 for the easiest target, floor(2^192 / 2) for the hardest.
    assert_eq!(work(&[]).to_string(), "0");
    assert_eq!(work(&[u128::MAX]).to_string(), (1_u128 << 64).to_string());
    assert_eq!(work(&[u128::MAX, u128::MAX]).to_string(), (1_u128 << 65).to_string());
    assert_eq!(
        work(&[1]).to_string(),
        "3138550867693340381917894711603833208051177722232017256448"
    );
    // One hard block outweighs many easy ones.
    assert!(work(&[u128::MAX / 1_000]) > work(&[u128::MAX; 999]));
}

proptest! {
    #[test]
    fn a_node_ends_on_the_first_of_the_heaviest_chains(chains in vec(vec(1..6_u128, 0..6), 1..8)) {
        // Targets of few values, so that different chains often tie.
        let works: Vec<ChainWork> = chains.iter().map(|chain| work(chain)).collect();
        let mut best = 0;
        for (seen, candidate) in works.iter().enumerate() {
            if works[best].moves_to(*candidate) {
                best = seen;
            }
        }
        let heaviest = *works.iter().max().unwrap();
        prop_assert_eq!(best, works.iter().position(|work| *work == heaviest).unwrap());
    }

    #[test]
    fn work_orders_as_its_bytes(
        a in vec(1_u128.., 0..4),
        b in vec(1_u128.., 0..4),
        target in 1_u128..,
    ) {
        prop_assert_eq!(work(&a).cmp(&work(&b)), work(&a).encode().cmp(&work(&b).encode()));
        prop_assert!(!work(&a).moves_to(work(&a)));
        prop_assert!(work(&a).moves_to(work(&a).after(Target::new(target).unwrap())));
    }
}

// --- Parameters ----------------------------------------------------------------------------------

/// The field that a network's check complains of.
fn complaint(change: impl FnOnce(&mut ChainSpec)) -> Option<&'static str> {
    let mut params = params();
    change(&mut params);
    params.check().err().map(|error| error.field)
}

#[test]
fn parameters_have_ranges() {
    macro_rules! range {
        ($field:ident, $good:expr, $bad:expr) => {
            for value in $good {
                assert_eq!(
                    complaint(|params| params.$field = value),
                    None,
                    "{} = {value}",
                    stringify!($field)
                );
            }
            for value in $bad {
                let field = stringify!($field);
                assert_eq!(
                    complaint(|params| params.$field = value),
                    Some(field),
                    "{field} = {value}"
                );
            }
        };
    }
    const DAY_MS: u64 = 86_400_000;
    range!(block_interval_ms, [1, 20_000], [0, DAY_MS + 1]);
    range!(asert_tau_ms, [1_000, 365 * DAY_MS], [0, 999, 365 * DAY_MS + 1]);
    range!(future_limit_ms, [1, DAY_MS], [0, DAY_MS + 1]);
    // At most 4 shares in a block here, and 65,535 in an epoch.
    range!(epoch_length, [2, 16_383], [0, 1, 16_384, u32::MAX]);
    range!(shares_per_block, [1, 1_024], [0, 1_025]);
    range!(share_window, [2, 1_024], [0, 1_025]);
    range!(anchor_depth, [0, 2], [3, u32::MAX]);
    range!(maturity, [1, 1 << 20], [0, (1 << 20) + 1]);
    range!(genesis_timestamp_ms, [0, 1 << 48], [(1 << 48) + 1, u64::MAX]);
}

#[test]
fn the_shares_of_an_epoch_can_be_counted() {
    let longest = |shares_per_block: u32, epoch_length: u32| {
        complaint(|params| {
            params.shares_per_block = shares_per_block;
            params.epoch_length = epoch_length;
        })
    };
    for (shares_per_block, most) in [(1, 32_767), (2, 16_383), (16, 2_047), (1_024, 31)] {
        assert_eq!(longest(shares_per_block, most), None);
        assert_eq!(longest(shares_per_block, most + 1), Some("epoch_length"));
    }
}

#[test]
fn names_are_fit_for_routes_and_folders() {
    let named = |name: &str| complaint(|params| params.name = name.to_owned());
    for good in ["a", "devnet", "my-net-2", &"x".repeat(MAX_NAME_BYTES)] {
        assert_eq!(named(good), None, "{good}");
    }
    for bad in [
        "",
        "2net",
        "-net",
        "Net",
        "my net",
        "a/b",
        "..",
        "naïve",
        "api",
        &"x".repeat(MAX_NAME_BYTES + 1),
    ] {
        assert_eq!(named(bad), Some("name"), "{bad}");
    }
}

#[test]
fn allocations_are_sorted_addresses_and_fit_the_supply() {
    let allocate =
        |allocations: Vec<(Address, u64)>| complaint(|params| params.allocations = allocations);
    let mut two = [account(0), account(1)];
    two.sort_unstable();
    let [low, high] = two;
    // With all that the chain can mint, no amount reaches 2^53: the API tells amounts as JSON
    // numbers.
    let minted = reward::genesis_share_fund(params().epoch_length) + reward::total_emission();
    let most = (1 << 53) - 1 - minted;
    assert_eq!(allocate(vec![]), None);
    assert_eq!(allocate(vec![(low, 0), (high, most)]), None);
    for bad in [
        vec![(low, 1), (high, most)],
        vec![(high, most + 1)],
        vec![(low, u64::MAX), (high, u64::MAX)],
        vec![(high, 1), (low, 1)],
        vec![(low, 1), (low, 1)],
        vec![(Address([0xff; 32]), 1)],
        vec![(low, 1); MAX_ALLOCATIONS + 1],
    ] {
        assert_eq!(allocate(bad), Some("allocations"));
    }
}

#[test]
fn every_parameter_is_part_of_the_genesis_hash() {
    let changes: [fn(&mut ChainSpec); 15] = [
        |params| params.name.push('2'),
        |params| params.log_n = LogSize::MAINNET,
        |params| params.block_interval_ms += 1,
        |params| params.asert_tau_ms += 1,
        |params| params.future_limit_ms += 1,
        |params| params.epoch_length += 1,
        |params| params.shares_per_block += 1,
        |params| params.share_window += 1,
        |params| params.anchor_depth += 1,
        |params| params.maturity += 1,
        |params| params.genesis_timestamp_ms = START_MS + 1,
        |params| params.genesis_target = Target::MAX,
        |params| params.allocations[0].1 += 1,
        |params| params.allocations.truncate(1),
        |params| params.srs_checksum[63] ^= 1,
    ];
    let mut hashes = std::collections::BTreeSet::from([params().network_hash()]);
    for change in changes {
        let mut params = params();
        change(&mut params);
        hashes.insert(params.network_hash());
    }
    assert_eq!(hashes.len(), changes.len() + 1);
}
