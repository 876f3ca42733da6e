//! The book's tables of names, held to the sources.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
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

#[test]
fn the_tests_that_the_book_names_exist() {
    let mut existing = BTreeSet::new();
    for entry in fs::read_dir(root()).unwrap() {
        for folder in ["src", "tests"].map(|name| entry.as_ref().unwrap().path().join(name)) {
            if folder.is_dir() {
                names(&folder, &mut existing);
            }
        }
    }
    let page = page("network-tests.md");
    let named: Vec<&str> =
        rows(&page).flat_map(|cells| cells.into_iter().flat_map(quoted)).collect();
    assert!(named.len() > 100, "the page has its tables: {}", named.len());
    let missing: Vec<_> = named.into_iter().filter(|name| !existing.contains(*name)).collect();
    assert!(missing.is_empty(), "there are no such tests: {missing:?}");
}
