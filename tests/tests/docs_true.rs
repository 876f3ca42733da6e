//! The book's tables of names and of figures, held to the sources.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use lode_network::Penalty;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join("docs/src").join(name)).unwrap()
}

/// The cells of the rows of a page's tables.
fn rows(page: &str) -> impl Iterator<Item = Vec<&str>> {
    page.lines()
        .filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'))
        .map(|row| row.split('|').map(str::trim).collect())
}

#[test]
fn the_table_of_offences_is_the_one_in_the_source() {
    let page = page("protocol/messages.md");
    let told: BTreeSet<_> = rows(&page)
        .filter(|cells| cells.len() == 4 && cells[1].parse::<u32>().is_ok())
        .map(|cells| (cells[0].to_owned(), cells[1].to_owned(), cells[2] == "yes"))
        .collect();
    let real = Penalty::ALL.map(|penalty| {
        (format!("{penalty:?}"), penalty.points().to_string(), penalty.disconnects())
    });
    assert_eq!(told, BTreeSet::from(real));
}

/// Names of functions and of files in the folders of tests, and in the sources, where unit tests
/// are.
fn names(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            names(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.insert(path.file_stem().unwrap().to_string_lossy().into_owned());
            let text = fs::read_to_string(&path).unwrap();
            let functions =
                text.split("fn ").skip(1).filter_map(|rest| rest.split(['(', '<']).next());
            found.extend(functions.map(str::to_owned));
        }
    }
}

/// What stands in backticks and could be the name of a test.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    let is_name = |text: &&str| {
        text.contains('_')
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    cell.split('`').skip(1).step_by(2).filter(is_name)
}

/// The names that stand in a page's tables, each of which must be one of the tree's.
fn named(page: &str) -> BTreeSet<&str> {
    let mut existing = BTreeSet::new();
    for entry in fs::read_dir(root()).unwrap() {
        for folder in ["src", "tests"].map(|name| entry.as_ref().unwrap().path().join(name)) {
            if folder.is_dir() {
                names(&folder, &mut existing);
            }
        }
    }
    let named: BTreeSet<&str> =
        rows(page).flat_map(|cells| cells.into_iter().flat_map(quoted)).collect();
    let missing: Vec<_> = named.iter().filter(|name| !existing.contains(**name)).collect();
    assert!(missing.is_empty(), "there are no such tests: {missing:?}");
    named
}

#[test]
fn the_tests_that_the_book_names_exist() {
    let page = page("network-tests.md");
    let named = named(&page);
    assert!(named.len() > 100, "the page has its tables: {}", named.len());
}

#[test]
fn the_page_of_the_market_names_each_test_of_an_attack() {
    let page = page("protocol/market.md");
    let named = named(&page);
    let mut tests = Vec::new();
    for file in fs::read_dir(root().join("consensus/tests/consensus_market_attacks")).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let names = text.split("#[test]\nfn ").skip(1).filter_map(|rest| rest.split('(').next());
        tests.extend(names.map(str::to_owned));
    }
    assert!(tests.len() > 30, "{}", tests.len());
    let untold: Vec<_> = tests.iter().filter(|test| !named.contains(test.as_str())).collect();
    assert!(untold.is_empty(), "the page does not name {untold:?}");
}

#[test]
fn the_page_of_the_market_has_the_figures_of_its_script() {
    let page = page("protocol/market.md");
    let script = root().join("tests/market_figures.py");
    let run = Command::new("python3").arg("-B").arg(script).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let printed = String::from_utf8(run.stdout).unwrap();
    assert!(printed.lines().count() > 20, "{printed}");
    let missing: Vec<_> = printed.lines().filter(|row| !page.contains(row)).collect();
    assert!(missing.is_empty(), "the page has other figures: {missing:#?}");
}
