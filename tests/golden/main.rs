//! What stores keep, byte for byte: an upgrade that wrote or read records differently would lose
//! every lead that is there.
//!
//! `format-1/` holds samples of every kind of record and of the journal's entries, as the bytes of
//! that format (`lead.hex`) and as what they say (`lead.txt`). They must be read as that, and
//! written as those bytes again; and whatever the types have must be in them. A change of the
//! stored format on purpose is written down with
//!
//! ```sh
//! LEADKIT_RENEW_GOLDEN=1 cargo test --test golden
//! ```
//!
//! and its difference is read before it is committed. Once a format is released it is not renewed
//! but followed by the next: its folder stays, and must be readable for ever.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod filler;

use std::fmt::{Debug, Write as _};
use std::path::PathBuf;

use leadkit::record::journal::JournalEntry;
use leadkit::record::{
    Agent, Claim, Contact, Group, Lead, Message, Pool, Recorded, Sweep, TenantRecord, VisitPlan,
    Workload, stored,
};
use leadkit::store::Kind;
use serde::de::DeserializeOwned;

/// One sample as it lies in a file.
#[derive(Debug, PartialEq)]
struct Sample {
    bytes: Vec<u8>,
    says: String,
}

fn is_renewed() -> bool {
    std::env::var_os("LEADKIT_RENEW_GOLDEN").is_some()
}

fn file(name: &str) -> PathBuf {
    PathBuf::from("tests/golden/format-1").join(name)
}

/// Holds the samples of a type to its files. `read` and `write` are what a store's user does.
fn hold<T: DeserializeOwned + Debug + PartialEq>(
    kind: &str,
    read: impl Fn(&[u8]) -> T,
    write: impl Fn(&T) -> Vec<u8>,
) {
    let samples: Vec<T> = filler::samples();
    let made: Vec<Sample> = samples
        .iter()
        .map(|sample| Sample {
            bytes: write(sample),
            says: format!("{sample:#?}\n"),
        })
        .collect();
    if is_renewed() {
        keep(kind, &made);
    }
    let kept = kept(kind);
    for (number, sample) in kept.iter().enumerate() {
        let record = read(&sample.bytes);
        let says = format!("{record:#?}\n");
        assert_eq!(says, sample.says, "{kind} {number} is read differently");
        let bytes = write(&record);
        assert_eq!(
            bytes, sample.bytes,
            "{kind} {number} is written differently"
        );
    }
    assert!(
        kept == made,
        "{kind}: something that the type has is not in its samples; if the stored format was \
         changed on purpose: LEADKIT_RENEW_GOLDEN=1 cargo test --test golden"
    );
}

fn hold_record<T: Recorded + DeserializeOwned + Debug + PartialEq>(kind: &str) {
    let read = |bytes: &[u8]| {
        let record = stored::decode_as(T::KIND, bytes).unwrap();
        T::from_record(&record).unwrap().clone()
    };
    let write = |record: &T| stored::encode(&record.clone().into_record()).unwrap();
    hold(kind, read, write);
}

/// What stands before each sample.
const MARK: &str = "# sample ";

fn keep(kind: &str, samples: &[Sample]) {
    let (mut hex, mut says) = (String::new(), String::new());
    for (number, sample) in samples.iter().enumerate() {
        writeln!(hex, "{MARK}{number}").unwrap();
        writeln!(says, "{MARK}{number}").unwrap();
        for line in sample.bytes.chunks(32) {
            for byte in line {
                write!(hex, "{byte:02x}").unwrap();
            }
            hex.push('\n');
        }
        says.push_str(&sample.says);
    }
    std::fs::create_dir_all(file("")).unwrap();
    std::fs::write(file(&format!("{kind}.hex")), hex).unwrap();
    std::fs::write(file(&format!("{kind}.txt")), says).unwrap();
}

fn kept(kind: &str) -> Vec<Sample> {
    let parts = |ending: &str| -> Vec<String> {
        let path = file(&format!("{kind}.{ending}"));
        let text = std::fs::read_to_string(&path);
        let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let text = text.replace("\r\n", "\n");
        let parts = text.split(MARK).skip(1);
        // The number of the sample stands on a line of its own.
        let bodies = parts.map(|part| part.split_once('\n').unwrap().1.to_owned());
        bodies.collect()
    };
    let bytes = |hex: String| {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        let byte = |pair: &[u8]| {
            let pair = std::str::from_utf8(pair).unwrap();
            u8::from_str_radix(pair, 16).unwrap()
        };
        digits.chunks(2).map(byte).collect()
    };
    let samples = parts("hex").into_iter().zip(parts("txt"));
    samples
        .map(|(hex, says)| Sample {
            bytes: bytes(hex),
            says,
        })
        .collect()
}

macro_rules! golden {
    ($($test:ident, $type:ty, $kind:literal;)+) => {
        $(#[test]
        fn $test() {
            hold_record::<$type>($kind);
        })+
    };
}

golden! {
    tenants_stay_readable, TenantRecord, "tenant";
    leads_stay_readable, Lead, "lead";
    contacts_stay_readable, Contact, "contact";
    agents_stay_readable, Agent, "agent";
    groups_stay_readable, Group, "group";
    pools_stay_readable, Pool, "pool";
    claims_stay_readable, Claim, "claim";
    messages_stay_readable, Message, "message";
    sweeps_stay_readable, Sweep, "sweep";
    workloads_stay_readable, Workload, "workload";
    visit_plans_stay_readable, VisitPlan, "visitplan";
}

#[test]
fn no_kind_of_record_is_without_samples() {
    if is_renewed() {
        return; // They are being written.
    }
    for kind in Kind::ALL {
        let kind = format!("{kind:?}").to_lowercase();
        assert!(file(&format!("{kind}.hex")).is_file(), "{kind}");
    }
}

#[test]
fn journal_entries_stay_readable() {
    let read = |bytes: &[u8]| stored::decode_entry(bytes).unwrap();
    let write = |entry: &JournalEntry| stored::encode_entry(entry).unwrap();
    hold("journal", read, write);
}
