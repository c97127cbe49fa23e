//! 8,000 real leads of a marketplace and the 842 deals that came of them, replayed.
//!
//! The data may not lie in the repository: without it these tests are skipped, with a message.

#![allow(clippy::unwrap_used, reason = "this is a test")]

mod told;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use leadkit_cli::Progress;
use leadkit_cli::replay::{Replay, Replayed, run};
use told::{data, leadkit, repository};

const LEADS: &str = "olist_marketing_qualified_leads_dataset.csv";
const DEALS: &str = "olist_closed_deals_dataset.csv";

/// The repository's map, with the data where it lies here.
fn map(folder: &Path, data: &Path) -> PathBuf {
    let map = std::fs::read_to_string(repository().join("tests/olist/map.toml")).unwrap();
    let map = map.replace(
        "path = \"",
        &format!("path = \"{}/", data.to_str().unwrap()),
    );
    let path = folder.join("map.toml");
    std::fs::write(&path, map).unwrap();
    path
}

fn replayed(map: &Path, db: Option<&Path>, until: Option<&str>) -> Replayed {
    let replay = Replay {
        playbook: repository().join("tests/olist"),
        map: map.to_owned(),
        db: db.map(Path::to_owned),
        until: until.map(ToOwned::to_owned),
        tenant: None,
        progress: Progress::Hidden,
    };
    run(&replay).unwrap().0
}

fn won_by_month(replayed: &Replayed) -> Vec<(String, u64)> {
    let months = replayed.figures.closed_by_month.iter();
    months
        .map(|(month, outcomes)| (month.clone(), outcomes["won"]))
        .collect()
}

/// What a correct replay of the whole history says.
fn assert_whole(replayed: &Replayed) {
    let figures = &replayed.figures;
    assert_eq!(replayed.refused, []);
    assert_eq!(figures.leads, 8_000);
    assert_eq!(figures.arrival_days, 336);
    assert_eq!(figures.outcomes["won"], 842);
    assert_eq!(figures.open, 7_158);
    let months = [
        "2017-12", "2018-01", "2018-02", "2018-03", "2018-04", "2018-05", "2018-06", "2018-07",
        "2018-08", "2018-09", "2018-10", "2018-11",
    ];
    let won = [3, 73, 113, 147, 207, 122, 57, 37, 33, 23, 21, 6];
    let wanted: Vec<(String, u64)> = months.map(String::from).into_iter().zip(won).collect();
    assert_eq!(won_by_month(replayed), wanted);
    // One deal is won two days before its first contact: it is kept, and flagged.
    let flagged: Vec<&[String]> = figures.flagged.iter().map(|lead| &*lead.flags).collect();
    assert_eq!(flagged, [["closed before it was registered"]]);
}

#[test]
fn the_whole_history_comes_out_of_the_database_as_it_was_recorded() {
    let Some(data) = data("olist") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (map, db) = (map(folder.path(), &data), folder.path().join("olist.db"));
    let first = replayed(&map, Some(&db), None);
    assert_whole(&first);
    // Whoever closed a lead owns it; leads that never got a deal have no owner.
    let agents = &first.figures.by_agent;
    let closers: u64 = agents.iter().filter(|of| of.agent.is_some()).count() as u64;
    assert_eq!(closers, 22);
    let nobody = agents.iter().find(|of| of.agent.is_none()).unwrap();
    assert_eq!((nobody.leads, nobody.open), (7_158, 7_158));

    for (fact, people) in [("sdr", 32), ("sr", 22)] {
        let db = db.to_str().unwrap();
        let won = ["--where", "outcome == \"won\"", "--limit", "1000", "--json"];
        let told = leadkit(
            ["leads", "tests/olist", "--db", db, "--count-by", fact]
                .into_iter()
                .chain(won),
        );
        let told = told.json();
        assert_eq!(told["groups"].as_array().unwrap().len(), people, "{fact}");
        assert_eq!(told["count"], 842);
    }

    // The same again, into the same database: nothing is done, nothing changes.
    let bytes = |text: &Replayed| serde_json::to_string(&text.figures).unwrap();
    let again = replayed(&map, Some(&db), None);
    assert_eq!(
        (again.carried_out, again.done_before),
        (0, first.carried_out)
    );
    assert_eq!(bytes(&again), bytes(&first));
    assert_eq!(again.clock, first.clock);
}

#[test]
fn at_the_end_of_march_the_later_half_has_not_happened() {
    let Some(data) = data("olist") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (map, db) = (map(folder.path(), &data), folder.path().join("olist.db"));
    let march = replayed(&map, Some(&db), Some("2018-04-01T00:00:00Z"));
    assert_eq!(march.figures.leads, 5_345);
    assert_eq!(march.figures.outcomes["won"], 336);
    assert_eq!(march.figures.open, 5_009);
    assert_eq!(march.figures.flagged.len(), 1);
    assert_eq!(march.refused, []);
    // What was left out comes with the next run, and all is as if it had been one.
    assert_whole(&replayed(&map, Some(&db), None));
}

#[test]
fn dates_written_in_another_way_are_the_same_dates() {
    let Some(data) = data("olist") else { return };
    type Rewrite = fn(&str, &str, &str) -> String;
    let ways: [Rewrite; 2] = [
        |year, month, day| format!("{day}-{month}-{year}"),
        |year, month, day| {
            let plain = |part: &str| part.trim_start_matches('0').to_owned();
            format!("{}/{}/{year}", plain(month), plain(day))
        },
    ];
    for rewrite in ways {
        let folder = tempfile::tempdir().unwrap();
        for file in [LEADS, DEALS] {
            let text = std::fs::read_to_string(data.join(file)).unwrap();
            std::fs::write(folder.path().join(file), rewritten(&text, rewrite)).unwrap();
        }
        let map = map(folder.path(), folder.path());
        assert_whole(&replayed(&map, None, None));
    }
}

/// The same file with its dates written in another way.
fn rewritten(text: &str, rewrite: fn(&str, &str, &str) -> String) -> String {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let headers = reader.headers().unwrap().clone();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&headers).unwrap();
    for record in reader.records() {
        let record = record.unwrap();
        let cells = headers.iter().zip(&record).map(|(header, cell)| {
            if !header.ends_with("_date") {
                return cell.to_owned();
            }
            let (date, time) = cell.split_once(' ').unwrap_or((cell, ""));
            let parts: Vec<&str> = date.split('-').collect();
            let date = rewrite(parts[0], parts[1], parts[2]);
            format!("{date} {time}").trim().to_owned()
        });
        writer.write_record(cells.collect::<Vec<_>>()).unwrap();
    }
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

#[test]
fn every_sdr_and_sr_is_an_agent_once() {
    let Some(data) = data("olist") else { return };
    let deals = std::fs::read(data.join(DEALS)).unwrap();
    let mut roles: BTreeMap<String, [bool; 2]> = BTreeMap::new();
    for record in csv::Reader::from_reader(deals.as_slice()).records() {
        let record = record.unwrap();
        roles.entry(record[2].to_owned()).or_default()[0] = true;
        roles.entry(record[3].to_owned()).or_default()[1] = true;
    }
    assert_eq!(roles.len(), 41);
    assert_eq!(
        roles.values().filter(|both| **both == [true, true]).count(),
        13
    );
    let folder = tempfile::tempdir().unwrap();
    let (map, db) = (map(folder.path(), &data), folder.path().join("olist.db"));
    // 41 agents, 8,000 registrations, and five commands for each deal.
    let all = replayed(&map, Some(&db), None);
    assert_eq!(all.carried_out, 41 + 8_000 + 5 * 842);
}
