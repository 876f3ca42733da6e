//! Every key of every program: which layer wins, what the book says of it, and that none is
//! forgotten.

use std::{collections::BTreeSet, fmt::Debug, fs, path::Path};

use clap::{Args, Command, FromArgMatches};
use lode_app::{FlagSet, Flags, Inputs, Key, Kind, Loaded, Settings, load, show};
use lode_miner::MinerSettings;
use lode_node::NodeSettings;
use proptest::{prelude::*, test_runner::TestRunner};

/// Three values of a key as one types them after its flag, in the form in which they are shown.
fn samples(program: &str, key: &Key) -> [&'static str; 3] {
    let address = [
        "aleo1wvgwnqvy46qq0zemj0k6sfp3zv0mp77rw97khvwuhac05yuwscxqmfyhwf",
        "aleo1gan0k7855g7587dlgg2cu8fplgtq9fplf3mt09v2hykw865njuxsqfyn0k",
        "aleo14ckh499wn8qudynl6ngy0yup3p3e4m08c7j27gwma9yy8tw22qqql05ad4",
    ];
    match (program, key.path().as_str()) {
        ("lode-node", "network.name") => ["mainnet", "testnet", "a/network.toml"],
        ("lode-node", "network.data_dir") => ["/srv/a", "b", "../c"],
        ("lode-node", "api.listen") => ["127.0.0.1:1", "[::1]:2", "0.0.0.0:3"],
        ("lode-node", "api.hosts") => ["a.example", "192.0.2.1", "box"],
        ("lode-node", "mempool.min_fee") => ["0", "7", "5000000"],
        ("lode-node", "mempool.max_mib") => ["1", "20", "1024"],
        ("lode-node", "ledger.history") => ["1000", "1001", "4294967295"],
        ("lode-node", "peers.listen") => {
            ["/ip4/0.0.0.0/tcp/1", "/ip6/::/tcp/2", "/ip4/127.0.0.1/tcp/0"]
        }
        ("lode-node", "peers.announce" | "peers.seeds") => {
            ["/dns/a.example/tcp/1", "/ip4/192.0.2.1/tcp/2", "/dns4/b.example/tcp/3"]
        }
        ("lode-node", "peers.max_peers") => ["2", "3", "1024"],
        ("lode-node", "sync.minimum_work") => ["0", "12345678901234567890123", "9"],
        ("lode-node", "sync.assume_valid") => [
            "0:0000000000000000000000000000000000000000000000000000000000000000",
            "7:00000000000000000000000000000000000000000000000000000000000000ab",
            "4294967295:ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        ],
        ("lode-node", "log.filter") => ["warn", "info,lode_core=debug", "off"],
        ("lode-miner", "node.url") => {
            ["http://a.example:1", "https://b.example", "http://127.0.0.1:2/x"]
        }
        ("lode-miner", "node.network") => ["mainnet", "testnet", "my-net2"],
        ("lode-miner", "mining.address") => address,
        ("lode-miner", "mining.threads") => ["1", "7", "1024"],
        ("lode-miner", "mining.priority") => ["lowest", "normal", "lowest"],
        ("lode-miner", "engine.name") => ["cpu", "reference", "cuda"],
        ("lode-miner", "engine.devices") => ["all", "0", "0,2"],
        ("lode-miner", "engine.table_mib") => ["1", "64", "1048576"],
        ("lode-miner", "engine.log_n") => ["2", "13", "15"],
        _ if matches!(key.kind, Kind::Switch(_)) => ["true", "false", "true"],
        (_, path) => panic!("{path} has no samples"),
    }
}

/// What a sample means, in TOML.
fn toml_of(key: &Key, sample: &str) -> toml::Value {
    match key.kind {
        Kind::Text => sample.into(),
        Kind::Number => toml::Value::Integer(sample.parse().unwrap()),
        Kind::Switch(_) => toml::Value::Boolean(sample.parse().unwrap()),
        Kind::List => vec![toml::Value::from(sample)].into(),
    }
}

/// The argument that says the same.
fn argument_of(key: &Key, sample: &str) -> String {
    match key.kind {
        // `--no-p2p` says what is not to be.
        Kind::Switch(meaning) => {
            format!("--{}={}", key.flag, sample.parse::<bool>().unwrap() == meaning)
        }
        _ => format!("--{}={sample}", key.flag),
    }
}

#[derive(Debug, Clone)]
struct All<S>(std::marker::PhantomData<fn() -> S>);

impl<S: Settings + 'static> FlagSet for All<S> {
    type Settings = S;
}

fn command<S: Settings + 'static>() -> Command {
    Flags::<All<S>>::augment_args(Command::new("program").term_width(400))
}

fn value_in<S: Settings>(settings: &S, key: &Key) -> Option<toml::Value> {
    toml::Table::try_from(settings).unwrap().get(key.section)?.get(key.name).cloned()
}

/// For each key: which sample stands in the file, in the environment, and after the flag.
type Layers = [Option<usize>; 3];

fn load_layers<S: Settings + 'static>(folder: &Path, layers: &[Layers]) -> Loaded<S> {
    let program = S::PROGRAM;
    let of = |key: &Key, index: usize| samples(program.name, key)[index];
    let (mut file, mut environment, mut arguments) =
        (toml::Table::new(), Vec::new(), vec!["program".to_owned()]);
    for (key, [in_file, in_environment, in_flags]) in S::KEYS.iter().zip(layers) {
        if let Some(index) = in_file {
            let section = file.entry(key.section).or_insert_with(|| toml::Table::new().into());
            section
                .as_table_mut()
                .unwrap()
                .insert(key.name.to_owned(), toml_of(key, of(key, *index)));
        }
        if let Some(index) = in_environment {
            environment.push((key.variable(&program).into(), of(key, *index).into()));
        }
        arguments.extend(in_flags.map(|index| argument_of(key, of(key, index))));
    }
    let path = folder.join("file.toml");
    fs::write(&path, toml::to_string(&file).unwrap()).unwrap();
    let matches = command::<S>().try_get_matches_from(arguments).unwrap();
    let flags = Flags::<All<S>>::from_arg_matches(&matches).unwrap();
    let flags = flags.given().to_vec();
    load(&Inputs { flags, environment, named_file: Some(path), default_file: None }).unwrap()
}

/// Flags win over the environment, that over the file, and that over the default, for every key
/// whatever the others do.
fn layers_win_in_order<S: Settings + Debug + 'static>() {
    let folder = tempfile::tempdir().unwrap();
    let layer = || proptest::option::of(0..3_usize);
    let layers = proptest::collection::vec([layer(), layer(), layer()], S::KEYS.len());
    let mut runner = TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(64)
    });
    let outcome = runner.run(&layers, |layers| {
        let loaded = load_layers::<S>(folder.path(), &layers);
        for (key, [in_file, in_environment, in_flags]) in S::KEYS.iter().zip(&layers) {
            let winner = in_flags.or(*in_environment).or(*in_file);
            let expected = match winner {
                Some(index) => Some(toml_of(key, samples(S::PROGRAM.name, key)[index])),
                None => key.default_value::<S>(),
            };
            prop_assert_eq!(value_in(&loaded.settings, key), expected, "{}", key.path());
            let layer =
                [in_flags, in_environment, in_file].iter().position(|given| given.is_some());
            let layer = layer.map_or(0, |above| 3 - above);
            prop_assert_eq!(
                usize::from(loaded.source(key.section, key.name).layer()),
                layer,
                "{}",
                key.path()
            );
        }
        Ok(())
    });
    outcome.unwrap();
}

/// The list of keys, the sections and the flags are of one another.
fn no_key_is_forgotten<S: Settings + Debug + PartialEq + 'static>() {
    let folder = tempfile::tempdir().unwrap();
    let everything = load_layers::<S>(folder.path(), &vec![[Some(0), None, None]; S::KEYS.len()]);
    let fields: BTreeSet<String> = toml::Table::try_from(&everything.settings)
        .unwrap()
        .iter()
        .flat_map(|(section, keys)| {
            keys.as_table().unwrap().keys().map(move |name| format!("{section}.{name}"))
        })
        .collect();
    assert_eq!(fields, S::KEYS.iter().map(Key::path).collect());

    let help = command::<S>().render_help().to_string();
    for key in S::KEYS {
        let default = key.default_value::<S>();
        assert_eq!(
            default.is_none(),
            key.unset.is_some(),
            "{}: a default, or a word on what holds without",
            key.path()
        );
        let line = help
            .lines()
            .find(|line| line.trim_start().starts_with(&format!("--{}", key.flag)))
            .unwrap();
        let default = match (key.kind, default) {
            (Kind::Switch(_), _) => continue,
            (_, Some(toml::Value::String(text))) => text,
            (_, Some(toml::Value::Array(elements))) if elements.is_empty() => continue,
            (_, Some(toml::Value::Array(elements))) => elements[0].as_str().unwrap().to_owned(),
            (_, Some(value)) => value.to_string(),
            (_, None) => key.unset.unwrap().to_owned(),
        };
        assert!(line.contains(&format!("[default: {default}]")), "{line}");
        assert!(line.contains(&key.variable(&S::PROGRAM)), "{line}");
    }

    // What is shown says the same when it is read.
    let shown = show(&everything);
    let path = folder.path().join("shown.toml");
    fs::write(&path, &shown).unwrap();
    let again: Loaded<S> = load(&Inputs { named_file: Some(path), ..Inputs::default() }).unwrap();
    assert_eq!(again.settings, everything.settings, "{shown}");
}

/// The page has a row for each key, and for nothing else: key, default, variables, flag, and what
/// its values do.
fn the_book_has_every_key<S: Settings + 'static>(page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/src").join(page);
    let text = fs::read_to_string(path).unwrap();
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'))
        .map(|row| row.split('|').map(str::trim).collect())
        .filter(|cells: &Vec<&str>| cells.len() == 5 && cells[0].starts_with('`'))
        .collect();
    for key in S::KEYS {
        let default = match (key.unset, key.default_value::<S>()) {
            (Some(unset), _) => unset.to_owned(),
            (None, value) => format!("`{}`", value.unwrap()),
        };
        let own = key.variable(&S::PROGRAM);
        let variables =
            key.also.map_or_else(|| format!("`{own}`"), |also| format!("`{own}`, `{also}`"));
        let expected =
            [format!("`{}`", key.path()), default, variables, format!("`--{}`", key.flag)];
        let row = rows
            .iter()
            .find(|row| row[0] == expected[0])
            .unwrap_or_else(|| panic!("{page} lacks {}", key.path()));
        assert_eq!(row[..4], expected, "{page}");
        assert!(row[4].len() > 20, "{page} says what {} does", key.path());
    }
    assert_eq!(rows.len(), S::KEYS.len(), "{page} has rows of keys that there are not");
}

#[test]
fn the_nodes_layers_win_in_order() {
    layers_win_in_order::<NodeSettings>();
}

#[test]
fn the_miners_layers_win_in_order() {
    layers_win_in_order::<MinerSettings>();
}

#[test]
fn no_key_of_a_program_is_forgotten() {
    no_key_is_forgotten::<NodeSettings>();
    no_key_is_forgotten::<MinerSettings>();
}

#[test]
fn every_key_stands_in_the_book() {
    the_book_has_every_key::<NodeSettings>("node.md");
    the_book_has_every_key::<MinerSettings>("mining.md");
}
