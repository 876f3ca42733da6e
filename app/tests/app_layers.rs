//! The layers of a configuration: what each says, which one wins, and what is said of a wrong
//! value.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::{Args, Command, FromArgMatches};
use lode_app::{
    ConfigError, FlagSet, Flags, Inputs, Key, Kind, Loaded, MAX_FILE_BYTES, Program, Settings,
    Source, load, show, text,
};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Shop {
    door: Door,
    stock: Stock,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Door {
    colour: String,
    #[serde(deserialize_with = "text::within::<_, 1, 9>")]
    height: u32,
    open: bool,
}

impl Default for Door {
    fn default() -> Self {
        Self { colour: "red".to_owned(), height: 2, open: true }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Stock {
    #[serde(with = "text::list")]
    sizes: Vec<u8>,
    #[serde(with = "text::option", skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
}

impl Settings for Shop {
    const PROGRAM: Program = Program { name: "shop", prefix: "LODE_SHOP", file: "shop.toml" };
    const KEYS: &'static [Key] = &[
        Key::new(("door", "colour"), Kind::Text, "colour", "NAME", "a colour", "Its colour")
            .also("COLOUR"),
        Key::new(("door", "height"), Kind::Number, "height", "M", "1 to 9", "Its height"),
        Key::new(
            ("door", "open"),
            Kind::Switch(false),
            "closed",
            "BOOL",
            "true or false",
            "Whether it is closed",
        ),
        Key::new(
            ("stock", "sizes"),
            Kind::List,
            "size",
            "N",
            "0 to 255",
            "A size. May be repeated",
        ),
        Key::new(("stock", "owner"), Kind::Text, "owner", "NAME", "a name", "Whose it is")
            .unset("nobody's"),
    ];
}

#[derive(Debug, Clone)]
struct All;

impl FlagSet for All {
    type Settings = Shop;
}

fn flags(arguments: &[&str]) -> Flags<All> {
    let command = Flags::<All>::augment_args(Command::new("shop"));
    let matches = command.try_get_matches_from([&["shop"], arguments].concat()).unwrap();
    Flags::from_arg_matches(&matches).unwrap()
}

/// Inputs of a file's text, of variables and of flags.
fn inputs(folder: &Path, file: &str, environment: &[(&str, &str)], arguments: &[&str]) -> Inputs {
    let path = folder.join("shop.toml");
    fs::write(&path, file).unwrap();
    Inputs {
        flags: flags(arguments).given().to_vec(),
        environment: environment.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        named_file: None,
        default_file: Some(path),
    }
}

fn loaded(file: &str, environment: &[(&str, &str)], arguments: &[&str]) -> Loaded<Shop> {
    let folder = tempfile::tempdir().unwrap();
    load(&inputs(folder.path(), file, environment, arguments)).unwrap()
}

/// The one line, with the file's folder left out.
fn error(file: &str, environment: &[(&str, &str)], arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let error =
        load::<Shop>(&inputs(folder.path(), file, environment, arguments)).unwrap_err().to_string();
    assert_eq!(error.lines().count(), 1, "{error}");
    error.replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn without_anything_the_defaults_hold() {
    let Loaded { settings, file, warnings, .. } = load::<Shop>(&Inputs::default()).unwrap();
    assert_eq!((settings, file, warnings), (Shop::default(), None, Vec::new()));
}

#[test]
fn each_layer_overrules_the_ones_below_and_leaves_what_it_does_not_name() {
    let file =
        "[door]\ncolour = \"blue\"\nheight = 3\nopen = false\n[stock]\nsizes = [\"1\", \"2\"]\n";
    let shop = loaded(
        file,
        &[("LODE_SHOP_DOOR_HEIGHT", "4"), ("LODE_SHOP_STOCK_SIZES", "3, 4")],
        &["--height", "5"],
    );
    assert_eq!(shop.settings.door, Door { colour: "blue".to_owned(), height: 5, open: false });
    assert_eq!(shop.settings.stock, Stock { sizes: vec![3, 4], owner: None });
    assert_eq!(shop.source("door", "height"), Source::Flag("height".to_owned()));
    assert_eq!(shop.source("stock", "sizes"), Source::Variable("LODE_SHOP_STOCK_SIZES".to_owned()));
    assert_eq!(shop.source("door", "colour").layer(), 1);
    assert_eq!(shop.source("stock", "owner"), Source::Default);
}

#[test]
fn a_switch_is_said_with_and_without_its_value() {
    let open =
        |arguments: &[&str]| loaded("[door]\nopen = false", &[], arguments).settings.door.open;
    assert!(!open(&[]) && !open(&["--closed"]) && !open(&["--closed=true"]));
    assert!(open(&["--closed=false"]), "a flag can take back what the file says");
    assert!(loaded("", &[("LODE_SHOP_DOOR_OPEN", "true")], &[]).settings.door.open);
    let wrong = error("", &[], &["--closed=maybe"]);
    assert_eq!(wrong, "--closed: expected true or false, got \"maybe\"");
}

#[test]
fn repeated_flags_make_a_list() {
    assert_eq!(loaded("", &[], &["--size", "1", "--size", "2"]).settings.stock.sizes, [1, 2]);
    assert_eq!(loaded("[stock]\nsizes = []", &[], &[]).settings.stock.sizes, []);
}

#[test]
fn a_wrong_value_is_told_with_its_place_and_what_was_expected() {
    for (file, environment, arguments, expected) in [
        (
            "\n[door]\nheight = 10",
            &[][..],
            &[][..],
            "shop.toml:3: door.height: expected 1 to 9, got 10",
        ),
        (
            "[door]\nheight = \"2\"",
            &[],
            &[],
            "shop.toml:2: door.height: expected 1 to 9, got \"2\"",
        ),
        ("[door]\nheight = 2.5", &[], &[], "shop.toml:2: door.height: expected 1 to 9, got 2.5"),
        ("door.colour = 1", &[], &[], "shop.toml:1: door.colour: expected a colour, got 1"),
        (
            "[stock]\nsizes = 3",
            &[],
            &[],
            "shop.toml:2: stock.sizes: expected a list, each element 0 to 255, got 3",
        ),
        (
            "[stock]\nsizes = [\"1\", \"x\"]",
            &[],
            &[],
            "shop.toml:2: stock.sizes: expected 0 to 255, got \"x\"",
        ),
        (
            "",
            &[("LODE_SHOP_DOOR_HEIGHT", "tall")],
            &[],
            "LODE_SHOP_DOOR_HEIGHT: expected 1 to 9, got \"tall\"",
        ),
        (
            "",
            &[("LODE_SHOP_STOCK_SIZES", "1,256")],
            &[],
            "LODE_SHOP_STOCK_SIZES: expected 0 to 255, got \"256\"",
        ),
        ("", &[], &["--height", "0"], "--height: expected 1 to 9, got 0"),
        ("", &[], &["--size", "1", "--size", "x"], "--size: expected 0 to 255, got \"x\""),
        // Also where a higher layer overrules it.
        (
            "[door]\nheight = 10",
            &[],
            &["--height", "5"],
            "shop.toml:2: door.height: expected 1 to 9, got 10",
        ),
    ] {
        assert_eq!(error(file, environment, arguments), expected);
    }
}

#[test]
fn what_is_unknown_is_refused_with_what_may_have_been_meant() {
    for (file, expected) in [
        ("[door]\nheigth = 3", "shop.toml:2: unknown key door.heigth; did you mean door.height?"),
        (
            "[stock]\ncolour = \"x\"",
            "shop.toml:2: unknown key stock.colour; did you mean door.colour?",
        ),
        ("[door]\nwindow = 3", "shop.toml:2: unknown key door.window"),
        ("\n[doors]\nheight = 3", "shop.toml:3: unknown section [doors]; did you mean [door]?"),
        ("[stocks]", "shop.toml:1: unknown section [stocks]; did you mean [stock]?"),
        (
            "height = 3",
            "shop.toml:1: unknown key height outside of any section; did you mean [door]?",
        ),
        ("door = 3", "shop.toml:1: unknown key door outside of any section; did you mean [door]?"),
    ] {
        assert_eq!(error(file, &[], &[]), expected);
    }
    assert_eq!(loaded("[door]", &[], &[]).settings, Shop::default(), "a section may be empty");
}

#[test]
fn what_is_no_toml_is_told_with_its_line() {
    for (file, place) in [("[door]\n\nheight =", "shop.toml:3: "), ("[door\n", "shop.toml:1: ")] {
        assert!(error(file, &[], &[]).starts_with(place), "{}", error(file, &[], &[]));
    }
    let twice = error("[door]\nheight = 1\nheight = 2", &[], &[]);
    assert!(twice.starts_with("shop.toml:3: "), "{twice}");
}

#[test]
fn a_misspelt_variable_is_refused_and_a_strangers_only_named() {
    let wrong = error("", &[("LODE_SHOP_DOOR_HIGHT", "3")], &[]);
    assert_eq!(
        wrong,
        "LODE_SHOP_DOOR_HIGHT: unknown variable; did you mean LODE_SHOP_DOOR_HEIGHT?"
    );
    // As Kubernetes sets it for a service of the program's name.
    let shop = loaded("", &[("LODE_SHOP_SERVICE_HOST", "10.0.0.1"), ("LODE_SHOPPING", "x")], &[]);
    assert_eq!(shop.warnings, ["LODE_SHOP_SERVICE_HOST is no variable of shop, and is ignored"]);
}

#[test]
fn an_empty_variable_is_unset_only_if_it_is_not_our_own() {
    let wrong = error("", &[("LODE_SHOP_DOOR_COLOUR", "")], &[]);
    assert_eq!(
        wrong,
        "LODE_SHOP_DOOR_COLOUR: expected a colour, got an empty value (unset it to choose nothing)"
    );
    assert_eq!(loaded("", &[("COLOUR", "")], &[]).settings.door.colour, "red");
    assert_eq!(loaded("", &[("COLOUR", "green")], &[]).settings.door.colour, "green");
    let both = [("LODE_SHOP_DOOR_COLOUR", "white"), ("COLOUR", "green")];
    assert_eq!(loaded("", &both, &[]).settings.door.colour, "white");
}

#[test]
#[cfg(unix)]
fn a_variable_that_is_no_text_is_refused() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let value = OsStr::from_bytes(b"\xff").to_owned();
    let inputs =
        Inputs { environment: vec![("LODE_SHOP_DOOR_COLOUR".into(), value)], ..Inputs::default() };
    let error = load::<Shop>(&inputs).unwrap_err().to_string();
    assert_eq!(error, "LODE_SHOP_DOOR_COLOUR: expected a colour, got what is no UTF-8");
}

#[test]
fn a_file_that_was_named_has_to_be_there() {
    let missing = PathBuf::from("/nowhere/shop.toml");
    let named = Inputs { named_file: Some(missing.clone()), ..Inputs::default() };
    let error = load::<Shop>(&named).unwrap_err();
    assert!(
        matches!(error, ConfigError::Read { .. })
            && error.to_string().contains("/nowhere/shop.toml"),
        "{error}"
    );
    let default = Inputs { default_file: Some(missing), ..Inputs::default() };
    assert_eq!(load::<Shop>(&default).unwrap().settings, Shop::default());
    // A folder is there, and cannot be read.
    let folder = Inputs { default_file: Some("/".into()), ..Inputs::default() };
    assert!(matches!(load::<Shop>(&folder), Err(ConfigError::Read { .. })));
}

#[test]
fn a_file_without_an_end_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let of = |length: u64| {
        let path = folder.path().join("long.toml");
        fs::write(&path, format!("#{}", " ".repeat(usize::try_from(length).unwrap() - 1))).unwrap();
        load::<Shop>(&Inputs { named_file: Some(path), ..Inputs::default() })
    };
    assert!(of(MAX_FILE_BYTES).is_ok());
    assert!(matches!(of(MAX_FILE_BYTES + 1), Err(ConfigError::TooLong { .. })));
    let endless = Inputs { named_file: Some("/dev/zero".into()), ..Inputs::default() };
    assert!(matches!(load::<Shop>(&endless), Err(ConfigError::TooLong { .. })));
}

#[test]
fn what_is_shown_is_a_file_that_says_the_same() {
    let shop = loaded("[stock]\nowner = \"me\"\n", &[("COLOUR", "a \"b\"")], &["--size", "7"]);
    let text = show(&shop);
    assert!(text.contains("colour = 'a \"b\"' # COLOUR\n"), "{text}");
    assert!(
        text.contains("sizes = [\"7\"] # --size\n") && text.contains("height = 2 # default\n"),
        "{text}"
    );
    assert!(text.contains(":2: stock.owner\n"), "{text}");
    assert!(show(&loaded("", &[], &[])).contains("# owner is not set: nobody's\n"));
    assert_eq!(loaded(&text, &[], &[]).settings, shop.settings);
}

#[test]
fn passwords_are_neither_shown_nor_repeated_in_errors() {
    let shop = loaded("[stock]\nowner = \"http://me:secret@host\"\n", &[], &[]);
    assert!(show(&shop).contains("http://***@host") && !show(&shop).contains("secret"));
    let wrong = error("", &[("LODE_SHOP_DOOR_HEIGHT", "http://me:secret@host")], &[]);
    assert!(wrong.contains("***@host") && !wrong.contains("secret"), "{wrong}");
    let long = error("", &[("LODE_SHOP_DOOR_HEIGHT", &"9".repeat(10_000))], &[]);
    assert!(long.len() < 200, "{long}");
}

#[test]
fn the_help_tells_defaults_and_variables() {
    let help =
        Flags::<All>::augment_args(Command::new("shop")).term_width(200).render_help().to_string();
    for part in [
        "Its colour [default: red] [env: COLOUR, LODE_SHOP_DOOR_COLOUR]",
        "Its height [default: 2] [env: LODE_SHOP_DOOR_HEIGHT]",
        "--closed[=<true|false>]",
        "Whose it is [default: nobody's]",
        "lode/shop.toml",
    ] {
        assert!(help.contains(part), "{part}: {help}");
    }
}

proptest! {
    /// Whatever stands in the file, reading it ends with settings or with one line.
    #[test]
    fn no_file_panics(
        text in "(\\[(door|stock|x)\\]|height|sizes|owner|=|\\[|\\]|\"|\n|[0-9]|\\.|'|\\PC){0,40}",
    ) {
        let folder = tempfile::tempdir().unwrap();
        if let Err(error) = load::<Shop>(&inputs(folder.path(), &text, &[], &[])) {
            prop_assert_eq!(error.to_string().lines().count(), 1);
        }
    }
}
